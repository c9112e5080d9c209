package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Adder takes numbers one by one.
type Adder struct {
	_ service.Name `service:"adder"`

	Entrypoints struct {
		Sum   rpc.Method `rpc:"sum(numbers, factor=1)"`
		First rpc.Method `rpc:"first(numbers)"`
		Never rpc.Method `rpc:"never(numbers)"`
	}
}

func (*Adder) Sum(_ context.Context, numbers iter.Seq2[int, error], factor int) (int, error) {
	sum := 0
	for n, err := range numbers {
		if err != nil {
			return 0, fmt.Errorf("of the numbers: %w", err)
		}
		sum += n
	}
	return sum * factor, nil
}

func (*Adder) First(_ context.Context, numbers iter.Seq2[int, error]) (int, error) {
	for n, err := range numbers {
		return n, err
	}
	return -1, nil
}

func (*Adder) Never(context.Context, iter.Seq2[int, error]) error { return errSpoiled }

// AdderClient is a client of Adder.
type AdderClient struct {
	_ rpc.Client `rpc:"adder"`

	Sum   func(ctx context.Context, numbers iter.Seq2[int, error], factor int) (int, error) `rpc:"sum(numbers, *, factor)"`
	First func(ctx context.Context, numbers iter.Seq2[int, error]) (int, error)             `rpc:"first"`
	Never func(ctx context.Context, numbers iter.Seq2[int, error]) error                    `rpc:"never"`
}

// A method takes the items of an argument while the caller is still making them.
func TestStreamedArgument(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, new(Adder))
		caller := dial(t, uri, rpc.Config{}, nil)
		adder, err := rpc.Bind[AdderClient](caller)
		if err != nil {
			t.Fatal(err)
		}
		numbers := newCounter().numbers
		for _, n := range []int{0, 1, 17, 10_000} {
			if sum, err := adder.Sum(t.Context(), numbers(n, nil), 2); err != nil || sum != n*(n-1) {
				t.Errorf("%d numbers: got %d, %v, want %d", n, sum, err, n*(n-1))
			}
		}
		if first, err := adder.First(t.Context(), numbers(1_000_000, nil)); err != nil || first != 0 {
			t.Errorf("the first: got %d, %v, want 0", first, err)
		}
		if err := adder.Never(t.Context(), numbers(1_000_000, nil)); !errors.Is(err, errSpoiled) {
			t.Errorf("without reading: got %v, want the method's error", err)
		}
		if _, err := adder.Sum(t.Context(), numbers(5, errSpoiled), 1); !errors.Is(err, errSpoiled) || !strings.Contains(err.Error(), "of the numbers") {
			t.Errorf("a failed item: got %v, want the method's error about it", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err = adder.Sum(ctx, func(yield func(int, error) bool) {
			for i := 0; yield(i, nil); i++ {
				if i == 1000 {
					cancel()
				}
			}
		}, 1)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: got %v", err)
		}
		var sum int
		if err := caller.Client("adder").Call(t.Context(), "sum", &sum, []int{1, 2, 3}); err != nil || sum != 6 {
			t.Errorf("a list: got %d, %v, want 6", sum, err)
		}
		hosttest.Eventually(t, "nothing is left", func() bool {
			return caller.Client("adder").Waiting() == 0 && len(server.Host.Host().Running(false)) == 0 && brokertest.Depth(t, uri, "rpc-adder") == 0
		})
		peer := newPeer(t, uri)
		peer.publish("adder.sum", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "1", Body: []byte(`{"args": [[1, 2]], "kwargs": {}}`)})
		if reply := hosttest.Next(t, peer.replies); string(reply.Body) != `{"result":3,"error":null}` {
			t.Errorf("a list from Python: got %s, want 3", reply.Body)
		}
	})
}
