package shell_test

import (
	"context"
	"iter"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Counting yields numbers.
type Counting struct {
	_ service.Name `service:"counting"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(n)"`
	}
}

var errNegative = rpc.NewError("builtins.ValueError", "negative")

func (*Counting) Count(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		if n < -1 {
			yield(0, nil)
		}
		if n < 0 {
			yield(0, errNegative)
		}
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}, nil
}
