package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/rpc"
)

// A sample is a value of peer/values.py in Go, and what Python sees of it where that is not what it
// sees of Python's: by JSON with the kombu of Nameko's time, by JSON with the types of newer ones,
// and by msgpack.
type sample struct {
	name                string
	value               any
	json, typed, packed difference
}

var values = []sample{
	{name: "none", value: nil},
	{name: "bool", value: true},
	{name: "int", value: 2},
	{name: "negative", value: -1},
	{name: "int64", value: int64(math.MinInt64)},
	{name: "uint64", value: uint64(math.MaxUint64)},
	{name: "big", value: *big10(30)},
	{name: "float", value: 2.0},
	{name: "exponent", value: 1e300},
	{name: "small", value: 1e-07},
	{name: "nan", value: math.NaN()},
	{name: "infinity", value: math.Inf(-1)},
	{name: "text", value: "héllo 🚀 \x00\x7f\u2028<&>"},
	{name: "empty text", value: ""},
	{name: "surrogate", value: "\xed\xa0\xbd"},
	{name: "list", value: []any{json.Number("1"), json.Number("2.0"), "x", nil, []any{}}},
	{name: "tuple", value: []any{json.Number("1"), []int{2}}},
	{name: "dict", value: map[string]any{"a": []any{json.Number("1"), json.Number("2.0"), map[string]any{"b": nil}}, "é": []any{}}},
	{name: "empty dict", value: map[string]any{}},
	{name: "keys", value: map[string]string{"1": "z", "null": "y", "2.5": "w"}, packed: difference{why: "keys that are no text are not tried: Nameko writes them and does not read them"}},
	{name: "naive", value: time.Date(2024, 1, 2, 3, 4, 5, 678901000, codec.Naive), packed: text("2024-01-02T03:04:05.678901")},
	{name: "utc", value: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), packed: text("2024-01-02T03:04:05Z")},
	{name: "zone", value: time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", -5*3600-30*60)), packed: text("2024-01-02T03:04:05-05:30")},
	{name: "date", value: codec.Date{Year: 2024, Month: 1, Day: 2}, packed: text("2024-01-02T00:00:00")},
	{name: "time", value: codec.TimeOfDay{Hour: 3, Minute: 4, Second: 5, Microsecond: 6}, packed: text("03:04:05.000006")},
	{name: "decimal", value: codec.Decimal("12.340"), packed: text("12.340")},
	{name: "uuid", value: uuid.MustParse("12345678-1234-5678-1234-567812345678"), packed: text("12345678-1234-5678-1234-567812345678")},
	{name: "bytes", value: []byte("é"), json: base64},
	{name: "binary", value: []byte{0, 0xff}, json: base64},
	{name: "set", value: opaque{}},
	{name: "opaque", value: opaque{}},
}

// text is the difference that a type that msgpack does not have, and Python cannot send by it, is
// what it is in JSON.
func text(want string) difference {
	return difference{"it is sent as the string that it is in JSON; Python cannot send it", "'" + want + "'"}
}

var base64 = difference{"they are sent in base64; Python cannot send them", "'"}

func big10(power int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(power), nil) }

func valueOf(name string) any {
	for _, v := range values {
		if v.name == name {
			return v.value
		}
	}
	panic("no value is called " + name)
}

// values sends every type of docs/wire/nameko.md, Serialization, in both directions, in JSON and in
// msgpack.
func (f *fixture) values(t *testing.T) {
	for serializer, c := range map[string]codec.Codec{"json": f.codec, "msgpack": msgpack.Codec} {
		t.Run(serializer, func(t *testing.T) {
			values := values
			if c == msgpack.Codec {
				values = slices.DeleteFunc(slices.Clone(values), func(v sample) bool { return v.name == "keys" })
			}
			var calls []call
			for _, v := range values {
				for _, peer := range []string{"python_peer", "go_peer"} {
					calls = append(calls,
						call{Service: peer, Method: "echo", Value: v.name, Serializer: serializer},
						call{Service: peer, Method: "echo", Value: v.name, Serializer: serializer, Compression: "zlib"},
						call{Service: peer, Method: "make", Args: list(v.name), Serializer: serializer})
				}
			}
			outcomes := f.python.call(t, calls...)
			for i, v := range values {
				differs := v.json
				switch c {
				case codec.TypedJSON:
					differs = v.typed
				case msgpack.Codec:
					differs = v.packed
				}
				t.Run(v.name, func(t *testing.T) {
					of := outcomes[6*i:][:6]
					for i := range of {
						of[i] = shown(of[i])
					}
					difference{}.check(t, "from Python to Go and back", of[3], of[0])
					difference{}.check(t, "from Python to Go and back, compressed", of[4], of[1])
					differs.check(t, "made by Go", of[5], of[2])
					f.exchange(t, c, v.name, v.value, differs, of[2])
				})
			}
		})
	}
}

// exchange sends a value from Go and fetches it. made is what Python sees of one that Python has
// made.
func (f *fixture) exchange(t *testing.T, c codec.Codec, name string, value any, differs difference, made outcome) {
	ctx := rpc.With(t.Context(), rpc.Codec(c))
	python := f.caller.Client("python_peer")

	if made.Raised != "" {
		made = unsent
	}
	for how, ctx := range map[string]context.Context{"sent by Go": ctx, "sent by Go, compressed": rpc.With(ctx, rpc.Compress())} {
		var got outcome
		if err := python.Call(ctx, "told", &got.Result, value); err != nil {
			got = unsent
		}
		differs.check(t, how, got, made)
	}
	if made.Raised != "" {
		return
	}
	for method, arg := range map[string]any{"make": name, "echo": value} {
		into := reflect.New(reflect.TypeFor[any]())
		if value != nil {
			into = reflect.New(reflect.TypeOf(value))
		}
		if err := python.Call(ctx, method, into.Interface(), arg); err != nil {
			t.Errorf("%s: %v", method, err)
		} else if got := into.Elem().Interface(); fmt.Sprint(got) != fmt.Sprint(value) {
			t.Errorf("%s: got %#v, want %#v", method, got, value)
		}
	}
}

// unsent is the outcome of a call whose arguments cannot be sent.
var unsent = outcome{Raised: "unsent"}

// shown returns what is seen of a value: not the order in which an object was sent, nor in whose
// words it is refused.
func shown(o outcome) outcome {
	switch o.Raised {
	case "":
		return outcome{Result: o.Result}
	case "EncodeError":
		return unsent
	}
	return outcome{Raised: o.Error.Path, Text: o.Error.Type}
}
