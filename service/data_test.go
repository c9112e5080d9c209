package service_test

import (
	"context"
	"maps"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
)

type tenant string

// A value arrives in its form on the wire, and a Key reads it back with its type.
func TestKey(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	t.Run("string", kept(service.UserID, "u-42", "u-42"))
	t.Run("empty", kept(service.UserID, "", ""))
	t.Run("named string", kept[tenant]("k", "acme", "acme"))
	t.Run("bytes", kept("k", []byte("\xff\x00"), "\xff\x00"))
	t.Run("bool", kept("k", true, true))
	t.Run("int", kept("k", 5, int32(5)))
	t.Run("large int", kept("k", int64(1)<<40, int64(1)<<40))
	t.Run("uint8", kept("k", uint8(200), int32(200)))
	t.Run("float32", kept("k", float32(1.5), 1.5))
	t.Run("time", kept("k", at, at))
	t.Run("list", kept("k", []tenant{"a", "b"}, []any{"a", "b"}))
	t.Run("table", kept("k", map[tenant][]int{"a": {1}}, map[string]any{"a": []any{int32(1)}}))
	t.Run("any", kept[any]("k", []any{"a", nil, 2.5}, []any{"a", nil, 2.5}))
	t.Run("unknown", kept("k", big.NewInt(7), big.NewInt(7)))
	t.Run("too large", kept("k", uint64(math.MaxUint64), uint64(math.MaxUint64)))
}

func kept[T any](k service.Key[T], v T, want any) func(*testing.T) {
	return func(t *testing.T) {
		ctx := k.With(t.Context(), v)
		data := maps.Collect(service.Data(ctx))
		if !reflect.DeepEqual(data, map[string]any{string(k): want}) {
			t.Errorf("got %#v sent, want %#v", data, want)
		}
		came := service.Key[any](k).With(t.Context(), want)
		for _, ctx := range []context.Context{ctx, came} {
			if got, ok := k.Get(ctx); !ok || !reflect.DeepEqual(got, v) {
				t.Errorf("got %#v, %t, want %#v", got, ok, v)
			}
		}
	}
}

func TestKeyMisfits(t *testing.T) {
	t.Parallel()
	const (
		text  service.Key[string]  = "k"
		small service.Key[int8]    = "k"
		real  service.Key[float64] = "k"
		count service.Key[uint]    = "k"
		list  service.Key[[]int]   = "k"
		raw   service.Key[any]     = "k"
	)
	ctx := t.Context()
	with := func(v any) context.Context { return raw.With(ctx, v) }
	for _, tc := range []struct {
		name     string
		got, fit bool
	}{
		{"nothing", second2(text.Get(ctx)), false},
		{"nil", second2(text.Get(with(nil))), false},
		{"int for string", second2(text.Get(with(int32(5)))), false},
		{"overflow", second2(small.Get(with(int32(300)))), false},
		{"negative", second2(count.Get(with(int32(-1)))), false},
		{"fraction", second2(small.Get(with(2.5))), false},
		{"whole float", second2(small.Get(with(2.0))), true},
		{"int for float", second2(real.Get(with(int32(2)))), true},
		{"large int for float", second2(real.Get(with(int64(1<<53 + 1)))), false},
		{"list of others", second2(list.Get(with([]any{int32(1), "two"}))), false},
		{"null in a list of int", second2(list.Get(with([]any{nil}))), false},
	} {
		if tc.got != tc.fit {
			t.Errorf("%s: got %t, want %t", tc.name, tc.got, tc.fit)
		}
	}
	for k, v := range service.Data(with(nil)) {
		t.Errorf("got %s=%v sent, want nothing of nil", k, v)
	}
}

func second2[A any](_ A, ok bool) bool { return ok }

// Carrier returns the context data that its calls carry.
type Carrier struct {
	_ service.Name `service:"carrier"`

	Entrypoints struct {
		Carry Trigger `trigger:"carry"`
	}
}

func (*Carrier) Carry(ctx context.Context) (map[string]any, error) {
	inner := service.Language.With(ctx, "de")
	if _, ok := service.Language.Get(ctx); ok {
		return nil, context.Canceled
	}
	return maps.Collect(service.Data(inner)), nil
}

// A call carries its own data and what the method adds, but not the data of the context in which
// Run was called.
func TestDataOfCall(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, new(Carrier))
	around := service.Language.With(t.Context(), "en")
	call := service.Request{Data: map[string]any{"user_id": "u-42", "none": nil}}
	got, err := all["carrier.carry"].Run(around, call)
	want := map[string]any{"user_id": "u-42", "language": "de"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if len(call.Data) != 2 {
		t.Errorf("got %v as the call's data, want it as it came", call.Data)
	}
}

// Maker makes the values of structs that have a blank field of its type.
type Maker struct{}

func (Maker) Dependency(f *service.Field) (any, error) {
	v := reflect.New(f.Type).Elem()
	v.Set(reflect.ValueOf(f.Value()))
	for i := range f.Type.NumField() {
		field := f.Type.Field(i)
		tag, err := service.ParseTag(string(field.Tag))
		if err != nil {
			return nil, err
		}
		if field.Name != "_" && v.Field(i).IsZero() {
			v.Field(i).SetString(f.Tag.Get("maker") + "." + tag.Get("word"))
		}
	}
	return v.Interface(), nil
}

type Words struct {
	_    Maker  `maker:"words"`
	A, B string `word:"x"`
}

type Speaker struct {
	_ service.Name `service:"speaker"`

	Entrypoints struct {
		Say Trigger `trigger:"say"`
	}
	Words Words
}

func (s *Speaker) Say(context.Context) (Words, error) { return s.Words, nil }

// A struct with a blank field of a dependency type gets its value from that type, which can keep
// the value in the prototype.
func TestMarker(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, &Speaker{Words: Words{A: "mine"}})
	got, err := all.fire(t.Context(), "speaker.say")
	if want := (Words{A: "mine", B: "words.x"}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
