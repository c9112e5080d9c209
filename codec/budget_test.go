package codec_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

// large is a type whose values take more memory than their JSON.
type large struct {
	Numbers [100]int64
	Next    *large
	Any     any
}

// TestBudget decodes values that take many times the length of their JSON. Decoding fails before
// that memory is allocated.
func TestBudget(t *testing.T) {
	const budget = 1 << 20
	list := func(element string) string {
		return "[" + strings.Repeat(element+",", 100_000) + element + "]"
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, test := range []struct {
		name  string
		codec codec.Codec
		data  string
		into  any
	}{
		{"list", codec.JSON, list("0"), new(any)},
		{"lists", codec.JSON, list("[]"), new(any)},
		{"objects", codec.JSON, list(`{"":0}`), new(any)},
		{"text", codec.JSON, `"` + strings.Repeat("x", budget) + `"`, new(any)},
		{"text", codec.JSON, `"` + strings.Repeat("x", budget) + `"`, new(string)},
		{"depth", codec.JSON, "[" + strings.Repeat(deep+",", 20) + deep + "]", new(any)},
		{"structs", codec.JSON, list("{}"), new([]large)},
		{"pointers", codec.JSON, strings.Repeat(`{"Next":`, 5000) + "{}" + strings.Repeat("}", 5000), new(large)},
		{"anys", codec.JSON, `{"Any":` + list("[]") + "}", new(large)},
		{"maps", codec.JSON, list("{}"), new([]map[string]int)},
		{"msgpack", msgpack.Codec, "\xdd\x00\x01\x00\x00" + strings.Repeat("\x80", 1<<16), new(any)},
		{"msgpack typed", msgpack.Codec, "\xdd\x00\x01\x00\x00" + strings.Repeat("\x80", 1<<16), new([]large)},
	} {
		b := codec.NewBudget(t.Context(), budget)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := b.Decode(test.codec, []byte(test.data), test.into)
		runtime.ReadMemStats(&after)
		b.Close()
		if over := (*codec.OverBudget)(nil); !errors.As(err, &over) || over.Limit != budget {
			t.Errorf("%s: got %v, want an OverBudget", test.name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 4*budget+uint64(len(test.data)) {
			t.Errorf("%s: got %d bytes allocated, want few", test.name, n)
		}
		if err := test.codec.Decode([]byte(test.data), test.into); err != nil {
			t.Errorf("%s: got %v without a budget", test.name, err)
		}
	}
}

// TestBudgetOfParts splits bodies within a budget.
func TestBudgetOfParts(t *testing.T) {
	list := []byte("[" + strings.Repeat("0,", 99_999) + "0]")
	b := codec.NewBudget(t.Context(), 1<<20)
	defer b.Close()
	parts, n, err := b.List(codec.JSON, list, 2)
	if len(parts) != 2 || n != 100_000 || err != nil {
		t.Errorf("got %d elements of %d, %v, want 2 of 100000", len(parts), n, err)
	}
	if _, _, err = b.List(codec.JSON, list, math.MaxInt); !codec.Unread(err) {
		t.Errorf("got %v, want an OverBudget", err)
	}
	if _, err := b.Map(codec.JSON, []byte("{"+strings.Repeat(`"a":0,`, 99_999)+`"a":0}`)); !codec.Unread(err) {
		t.Errorf("got %v, want an OverBudget", err)
	}
	body := codec.Body{Headers: map[string]any{"compression": "zlib"}, Data: codec.Deflate(make([]byte, 2<<20))}
	if _, _, err := (codec.Set{codec.JSON}).Open(body, 16<<20, b); !codec.Unread(err) {
		t.Errorf("got %v, want an OverBudget", err)
	}
}

// TestBudgetOfContext stops soon after the end of the context, wherever the decoder is.
func TestBudgetOfContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := codec.NewBudget(ctx, 1<<30)
	var v any
	if err := b.Decode(codec.JSON, []byte("1"), &v); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context is cancelled", err)
	}
}

// TestBudgetTurns decodes one large body at a time, and small ones at the same time.
func TestBudgetTurns(t *testing.T) {
	first, second, small := codec.NewBudget(t.Context(), 64<<20), codec.NewBudget(t.Context(), 64<<20), codec.NewBudget(t.Context(), 64<<20)
	if err := errors.Join(first.Charge(32<<20), small.Charge(1<<20)); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() { got <- second.Charge(32 << 20) }()
	select {
	case err := <-got:
		t.Fatalf("got %v while a large body is decoded, want that it waits", err)
	case <-time.After(20 * time.Millisecond):
	}
	first.Close()
	if err := <-got; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	third := codec.NewBudget(ctx, 64<<20)
	if err := third.Charge(32 << 20); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	for _, b := range []*codec.Budget{first, second, third, small, nil} {
		b.Close()
		b.Close()
	}
}

// FuzzDecodedSize checks that the budget and the length of the data bound what decoding allocates,
// for any data and type.
func FuzzDecodedSize(f *testing.F) {
	for _, seed := range []string{
		`[[],[],[]]`, `[{"a":0},{"":0}]`, `"text"`, `{"Next":{"Next":{}}}`, `[{},{},{}]`, `{"Any":[1,2,[]]}`, `{"args":[1],"kwargs":{"a":1}}`,
		`{"__type__":"uuid","__value__":{"hex":"00"}}`, "\xdd\x00\x00\x00\x02\x80\x80", "\x82\xa6kwargs\x80\xa4args\xc4\x02ab",
	} {
		f.Add([]byte(seed), uint16(100))
	}
	f.Fuzz(func(t *testing.T, seed []byte, times uint16) {
		const budget = 256 << 10
		n := min(int(times), (1<<20)/(len(seed)+1))
		joined := strings.Repeat(string(seed)+",", n) + string(seed)
		list := append([]byte{0xdd, 0, 0, byte(n >> 8), byte(n)}, strings.Repeat(string(seed), n)...)
		for _, data := range [][]byte{seed, []byte("[" + joined + "]"), []byte(strings.Repeat("[", n) + strings.Repeat("]", n)), list} {
			for _, c := range []codec.Splitter{codec.JSON, msgpack.Codec} {
				for _, into := range []any{new(any), new([]large), new([]map[string]string), new(map[string]*large)} {
					b := codec.NewBudget(t.Context(), budget)
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					_ = b.Decode(c, data, into)
					_, _, _ = b.List(c, data, math.MaxInt)
					_, _ = b.Map(c, data)
					runtime.ReadMemStats(&after)
					b.Close()
					if got, most := after.TotalAlloc-before.TotalAlloc, uint64(4*budget+4*len(data)+64<<10); got > most {
						t.Errorf("%T of %d bytes, %.100q: got %d bytes allocated, want at most %d", into, len(data), data, got, most)
					}
				}
			}
		}
	})
}
