package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
)

// Results are yielded in the order of the arguments, in whatever order the calls end.
func TestParallel(t *testing.T) {
	const calls = 20
	later := make([]chan struct{}, calls+1) // a call ends after the next one has ended
	for i := range later {
		later[i] = make(chan struct{})
	}
	close(later[calls])
	args := make([]int, calls)
	for i := range args {
		args[i] = i
	}
	odd := errors.New("odd")
	got := 0
	for result, err := range rpc.Parallel(t.Context(), 0, args, func(_ context.Context, i int) (string, error) {
		<-later[i+1]
		close(later[i])
		if i%2 == 1 {
			return "", odd
		}
		return fmt.Sprint(i), nil
	}) {
		if want := fmt.Sprint(got); got%2 == 0 && (result != want || err != nil) || got%2 == 1 && err != odd {
			t.Errorf("got %q, %v for %d", result, err, got)
		}
		got++
	}
	if got != calls {
		t.Errorf("got %d results, want %d", got, calls)
	}
	for range rpc.Parallel(t.Context(), 3, nil, func(context.Context, int) (int, error) { return 0, nil }) {
		t.Error("got a result of no call")
	}
}

func TestParallelLimit(t *testing.T) {
	const limit = 3
	var running, most atomic.Int64
	full := make(chan struct{})
	for _, err := range rpc.Parallel(t.Context(), limit, make([]int, 30), func(context.Context, int) (int, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == limit && most.Load() == limit {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // all wait until as many run as allowed
		return 0, nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := most.Load(); got != limit {
		t.Errorf("got %d calls at once, want %d", got, limit)
	}
}

// Leaving the loop cancels the running calls and waits for them.
func TestParallelLeft(t *testing.T) {
	var cancelled atomic.Int64
	for range rpc.Parallel(t.Context(), 4, []int{0, 1, 2, 3}, func(ctx context.Context, i int) (int, error) {
		if i > 0 {
			<-ctx.Done()
			cancelled.Add(1)
		}
		return i, ctx.Err()
	}) {
		break
	}
	if got := cancelled.Load(); got > 3 {
		t.Errorf("got %d cancelled calls, want 3 at most", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range rpc.Parallel(ctx, 1, []int{1, 2}, func(context.Context, int) (int, error) {
		t.Error("called with a ctx that has ended")
		return 0, nil
	}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context canceled", err)
		}
	}
}

// A panic in a call becomes a panic of the loop, where the service's own recovery finds it.
func TestParallelPanic(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "at the disco") || !strings.Contains(got, "TestParallelPanic") {
			t.Errorf("got %s, want the panic and its stack", got)
		}
	}()
	for range rpc.Parallel(t.Context(), 1, []int{1}, func(context.Context, int) (int, error) { panic("at the disco") }) {
		t.Error("got a result")
	}
}

func TestParallelCalls(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		echo, err := rpc.Bind[IntEcho](dial(t, uri, rpc.Config{}, nil))
		if err != nil {
			t.Fatal(err)
		}
		want := []int{5, 3, 9, 1, 7}
		var got []int
		for n, err := range rpc.Parallel(t.Context(), 2, want, echo.Echo) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// IntEcho is a typed client of [Echo].
type IntEcho struct {
	_ rpc.Client `rpc:"vec_echo"`

	Echo func(context.Context, int) (int, error) `rpc:"echo(value)"`
}
