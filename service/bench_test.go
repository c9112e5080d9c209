package service_test

import (
	"context"
	"sync/atomic"
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

// BenchmarkObserver measures a call of an empty method with and without an observer.
func BenchmarkObserver(b *testing.B) {
	var n [service.Outcomes]atomic.Int64
	counter := service.Observer{
		CallBegan:   func(ctx context.Context, _ service.ObservedCall) context.Context { return ctx },
		CallStarted: func(context.Context, service.ObservedCall) {},
		CallEnded:   func(_ context.Context, c service.ObservedCall) { n[c.Outcome].Add(1) },
	}
	for name, options := range map[string][]any{"off": nil, "on": {service.Configure(counter)}} {
		b.Run(name, func(b *testing.B) {
			_, all := start(b, service.Config{}, append([]any{new(Grid)}, options...)...)
			row, ctx := all["grid.none"], context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := row.Run(ctx, service.Request{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fixed is a value whose decoding costs nothing.
type fixed struct{ v any }

func (v fixed) Decode(dst any) error {
	*dst.(*any) = v.v
	return nil
}
