package service_test

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

func BenchmarkRun(b *testing.B) {
	_, all := start(b, service.Config{}, new(Grid))
	f := all["grid.default"]
	args := signature.Arguments{Positional: []signature.Value{fixed{1}}, Keyword: []signature.Named{{Name: "b", Value: fixed{2}}}}
	deadline, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, ctx := range map[string]context.Context{"unbounded": context.Background(), "bounded": deadline} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Run(ctx, service.Request{Arguments: args}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fixed is a value that costs nothing to decode.
type fixed struct{ v any }

func (v fixed) Decode(dst any) error {
	*dst.(*any) = v.v
	return nil
}
