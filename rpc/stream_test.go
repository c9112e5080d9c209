package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Counter yields numbers.
type Counter struct {
	_ service.Name `service:"counter"`

	Entrypoints struct {
		Count  rpc.Method `rpc:"count(n)"`
		Fail   rpc.Method `rpc:"fail(n)"`
		Refuse rpc.Method `rpc:"refuse"`
		Big    rpc.Method `rpc:"big(n)"`
		Slow   rpc.Method `rpc:"slow(n)" timeout:"1s"`
		Hang   rpc.Method `rpc:"hang(n)"`
		Plain  rpc.Method `rpc:"plain(n)"`
		Twice  rpc.Method `rpc:"panics(n)" method:"Panic"`
	}

	Made  *atomic.Int64 // items
	Ended chan error    // gets the cause with which ctx ended, for each Hang
}

func newCounter() *Counter { return &Counter{Made: new(atomic.Int64), Ended: make(chan error, 1000)} }

func (c *Counter) Count(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return c.numbers(n, nil), nil
}

func (c *Counter) numbers(n int, last error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			c.Made.Add(1)
			if !yield(i, nil) {
				return
			}
		}
		if last != nil {
			yield(0, last)
		}
	}
}

var errSpoiled = rpc.NewError("counter.Spoiled", "spoiled")

func (c *Counter) Fail(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return c.numbers(n, fmt.Errorf("after %d: %w", n, errSpoiled)), nil
}

func (*Counter) Refuse(context.Context) (iter.Seq2[int, error], error) { return nil, errSpoiled }

// Big yields strings of 100,000 bytes.
func (c *Counter) Big(_ context.Context, n int) (iter.Seq2[string, error], error) {
	return func(yield func(string, error) bool) {
		for i := range n {
			c.Made.Add(1)
			if !yield(strings.Repeat(string(rune('a'+i%26)), 100_000), nil) {
				return
			}
		}
	}, nil
}

// Slow takes a second for item n.
func (*Counter) Slow(ctx context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		<-ctx.Done()
		yield(0, ctx.Err())
	}, nil
}

// Hang yields n items, and then waits until its call ends.
func (c *Counter) Hang(ctx context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		defer func() { c.Ended <- context.Cause(ctx) }()
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		<-ctx.Done()
		yield(0, ctx.Err())
	}, nil
}

func (*Counter) Plain(_ context.Context, n int) ([]int, error) { return make([]int, n), nil }

func (c *Counter) Panic(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			yield(i, nil)
		}
		panic("no more")
	}, nil
}

// CounterClient is a client of Counter.
type CounterClient struct {
	_ rpc.Client `rpc:"counter"`

	Count  func(ctx context.Context, n int) iter.Seq2[int, error]    `rpc:"count"`
	Listed func(ctx context.Context, n int) ([]int, error)           `rpc:"plain"`
	Big    func(ctx context.Context, n int) iter.Seq2[string, error] `rpc:"big"`
}

func bindCounter(t *testing.T, caller *rpc.Caller) CounterClient {
	t.Helper()
	c, err := rpc.Bind[CounterClient](caller)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// collect returns the items of a stream, and the error that ends it.
func collect[T any](seq iter.Seq2[T, error]) (items []T, err error) {
	for item, failure := range seq {
		if failure != nil {
			if err != nil {
				return items, fmt.Errorf("two errors: %w and %w", err, failure)
			}
			err = failure
			continue
		}
		items = append(items, item)
	}
	return items, err
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// A caller that asks for a stream gets the items in order; any other caller gets a list.
func TestStream(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		start(t, uri, counter)
		caller := dial(t, uri, rpc.Config{}, nil)
		typed, client := bindCounter(t, caller), caller.Client("counter")
		for _, n := range []int{0, 1, 2, 15, 16, 17, 1000, 20_000} {
			if got, err := collect(typed.Count(t.Context(), n)); err != nil || !slices.Equal(got, upTo(n)) {
				t.Errorf("%d items: got %d, %v", n, len(got), err)
			}
		}
		if got, err := collect(rpc.Stream[int](t.Context(), client, "count", 3)); err != nil || !slices.Equal(got, upTo(3)) {
			t.Errorf("untyped: got %v, %v, want 0 to 2", got, err)
		}
		if got, err := collect(rpc.Stream[int](t.Context(), client, "plain", 3)); err != nil || len(got) != 3 {
			t.Errorf("a method that returns a list: got %v, %v, want its elements", got, err)
		}
		var list []int
		if err := client.Call(t.Context(), "count", &list, 1000); err != nil || !slices.Equal(list, upTo(1000)) {
			t.Errorf("without asking: got %d items, %v, want 1000", len(list), err)
		}
		if got, err := collect(typed.Big(t.Context(), 20)); err != nil || len(got) != 20 || got[19] != strings.Repeat("t", 100_000) {
			t.Errorf("large items: got %d, %v, want 20", len(got), err)
		}
		hosttest.Eventually(t, "no request is left", func() bool { return brokertest.Depth(t, uri, "rpc-counter") == 0 && client.Waiting() == 0 })
	})
}

// The error that ends a stream is that of the method.
func TestStreamErrors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, newCounter())
		client := dial(t, uri, rpc.Config{}, nil).Client("counter")
		tests := map[string]struct {
			method string
			args   []any
			items  int
			want   error
		}{
			"of the iterator":          {"fail", []any{3}, 3, errSpoiled},
			"before the first item":    {"fail", []any{0}, 0, errSpoiled},
			"of the method":            {"refuse", nil, 0, errSpoiled},
			"after a window":           {"fail", []any{5000}, 5000, errSpoiled},
			"a panic":                  {"panics", []any{2}, 2, rpc.NewError("builtins.RuntimeError", "")},
			"unknown method":           {"sum", nil, 0, rpc.ErrMethodNotFound},
			"wrong arguments":          {"count", nil, 0, rpc.ErrIncorrectSignature},
			"the row's timeout":        {"slow", []any{3}, 3, rpc.ErrWorkerTimeout},
			"the timeout, before any":  {"slow", []any{0}, 0, rpc.ErrWorkerTimeout},
			"the result is not a list": {"nothing", nil, 0, rpc.ErrMethodNotFound},
		}
		for name, test := range tests {
			got, err := collect(rpc.Stream[int](t.Context(), client, test.method, test.args...))
			if !errors.Is(err, test.want) || len(got) != test.items || !slices.Equal(got, upTo(test.items)) {
				t.Errorf("%s: got %d items and %v, want %d and %v", name, len(got), err, test.items, test.want)
			}
		}
		if _, err := collect(rpc.Stream[int](t.Context(), dial(t, uri, rpc.Config{}, nil).Client("nobody"), "count")); !errors.Is(err, rpc.ErrUnknownService) {
			t.Errorf("an unknown service: got %v", err)
		}
	})
}

// A caller that did not ask for a stream gets a list up to max_message, and beyond that an error
// that says why.
func TestStreamThatIsTooLargeForAList(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		start(t, uri, counter)
		client := dial(t, uri, rpc.Config{}, nil).Client("counter")
		err := client.Call(t.Context(), "big", nil, 1000)
		if !errors.Is(err, rpc.ErrResultTooLarge) || !strings.Contains(err.Error(), "more than 10 items, and takes more than the 1048576 bytes of a reply (max_message): ask for a stream") {
			t.Errorf("got %v, want what is too large and what to do", err)
		}
		if made := counter.Made.Load(); made != 11 {
			t.Errorf("%d items were made, want 11: the call stops at the first that does not fit", made)
		}
		peer := newPeer(t, uri)
		peer.publish("counter.count", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "1", Body: []byte(`{"args": [3], "kwargs": {}}`)})
		if reply := hosttest.Next(t, peer.replies); string(reply.Body) != `{"result":[0,1,2],"error":null}` || len(reply.Headers) != 0 || reply.Type != "" {
			t.Errorf("got %s with the headers %v and the type %q, want a list as Nameko replies it", reply.Body, reply.Headers, reply.Type)
		}
	})
}

// Leaving the loop at any part ends the method, and leaves no goroutine and no queue behind.
func TestStreamBreak(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		counter := newCounter()
		server := start(t, uri, counter)
		caller := dial(t, uri, rpc.Config{StreamParts: 4}, nil)
		client, queues := caller.Client("counter"), brokertest.Queues(t, uri, api)
		const parts = 40
		for n := range parts {
			seen := 0
			for _, err := range rpc.Stream[int](t.Context(), client, "hang", parts) {
				if err != nil {
					t.Fatalf("break at %d: %v", n, err)
				}
				if seen++; seen > n {
					break
				}
			}
			if cause := hosttest.Receive(t, "the end of the method's ctx", counter.Ended); cause == nil || !strings.Contains(cause.Error(), "cancelled by the caller") {
				t.Errorf("break at %d: got %v, want a cancellation", n, cause)
			}
		}
		hosttest.Eventually(t, "nothing is left", func() bool { return client.Waiting() == 0 && len(server.Host.Host().Running(false)) == 0 })
		if left := brokertest.Queues(t, uri, api); !slices.Equal(left, queues) {
			t.Errorf("got the queues %q, want %q as before", left, queues)
		}
	})
}

// A reader that does not read blocks the producer, which makes no more than fits the window.
func TestStreamWaitsForItsReader(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		start(t, uri, counter, service.Configure(rpc.Config{StreamParts: 4, StreamBytes: 300_000}))
		client := dial(t, uri, rpc.Config{}, nil).Client("counter")
		seen := 0
		for _, err := range rpc.Stream[string](t.Context(), client, "big", 30) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == 10 {
				// The items that were taken, a window of 3 parts, a part that waits, and an item that waits
				// behind it.
				hosttest.Eventually(t, "the window is full", func() bool { return counter.Made.Load() >= 14 })
				time.Sleep(50 * time.Millisecond)
				if made := counter.Made.Load(); made > 16 {
					t.Errorf("%d items were made while 10 were read, want at most 16", made)
				}
			}
		}
		if seen != 30 {
			t.Errorf("got %d items, want 30", seen)
		}
	})
}

// A stream whose reader takes nothing ends after stream_idle, and frees its worker.
func TestStreamIdle(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		startWorkers(t, 1, uri, counter, service.Configure(rpc.Config{StreamParts: 1, StreamIdle: 100 * time.Millisecond}))
		client := dial(t, uri, rpc.Config{}, nil).Client("counter")
		next, stop := iter.Pull2(rpc.Stream[int](t.Context(), client, "count", 1_000_000))
		defer stop()
		if _, err, _ := next(); err != nil {
			t.Fatal(err)
		}
		if err := client.Call(t.Context(), "plain", nil, 1); err != nil { // returns once there is a worker
			t.Fatal(err)
		}
		for {
			if _, err, more := next(); err != nil || !more {
				if !errors.Is(err, rpc.ErrStreamIdle) {
					t.Errorf("got %v, want ErrStreamIdle", err)
				}
				break
			}
		}
	})
}

// The limit of a stream applies between its parts; ctx's deadline limits the whole stream.
func TestStreamLimits(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		start(t, uri, counter)
		client := dial(t, uri, rpc.Config{}, nil).Client("counter")
		between := func() (context.Context, context.CancelFunc) {
			return rpc.With(t.Context(), rpc.Timeout(time.Second)), func() {}
		}
		total := func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 2*time.Second)
		}
		for name, limited := range map[string]func() (context.Context, context.CancelFunc){"between parts": between, "of all": total} {
			ctx, cancel := limited()
			defer cancel()
			got, err := collect(rpc.Stream[int](ctx, client, "hang", 3))
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 3 items") || len(got) != 3 {
				t.Errorf("%s: got %d items and %v, want 3 and a deadline", name, len(got), err)
			}
			hosttest.Receive(t, "the end of the method's ctx", counter.Ended)
		}
		// A slow loop body does not count against the producer.
		ctx, _ := between()
		for _, err := range rpc.Stream[int](ctx, client, "count", 3) {
			if err != nil {
				t.Errorf("got %v from a slow loop", err)
			}
			time.Sleep(1200 * time.Millisecond)
		}
	})
}
