package rpc

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Parallel makes a call for each of args, at most limit of them at once, and yields the results in
// the order of args. A limit of 0 or less is no limit. It takes the funcs of typed clients:
//
//	for user, err := range rpc.Parallel(ctx, 10, ids, s.Users.Get) {
//
// The calls begin when the loop begins. A failed call does not stop the others. If the loop ends
// early, or ctx ends, the running calls are cancelled and waited for, and calls that have not begun
// fail with ctx's error.
func Parallel[A, R any](ctx context.Context, limit int, args []A, call func(context.Context, A) (R, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		calls := make([]parallel[R], len(args))
		for i := range calls {
			calls[i].done = make(chan struct{})
		}
		var next atomic.Int64
		var workers sync.WaitGroup
		defer workers.Wait()
		defer cancel()
		if limit <= 0 || limit > len(args) {
			limit = len(args)
		}
		for range limit {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(args); i = int(next.Add(1)) - 1 {
					calls[i].run(ctx, func(ctx context.Context) (R, error) { return call(ctx, args[i]) })
				}
			})
		}
		for i := range calls {
			<-calls[i].done
			if calls[i].panicked != nil {
				panic(calls[i].panicked)
			}
			if !yield(calls[i].result, calls[i].err) {
				return
			}
		}
	}
}

// A parallel is one call of Parallel.
type parallel[R any] struct {
	done     chan struct{} // closed when the other fields are set
	result   R
	err      error
	panicked error
}

func (p *parallel[R]) run(ctx context.Context, call func(context.Context) (R, error)) {
	defer close(p.done)
	if ctx.Err() != nil {
		p.err = ended(ctx)
		return
	}
	defer func() {
		if v := recover(); v != nil { // the loop panics with it in its own goroutine
			p.panicked = fmt.Errorf("%v\n\n%s", v, debug.Stack())
		}
	}()
	p.result, p.err = call(ctx)
}
