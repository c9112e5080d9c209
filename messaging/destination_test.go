package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Left and Right fail at the first attempt.
type Left struct {
	_ service.Name `service:"left"`

	Entrypoints struct {
		Do messaging.Consumer `messaging:"left" retry:"200ms"`
	}

	attempts chan int
}

type Right struct {
	_ service.Name `service:"right"`

	Entrypoints struct {
		Do messaging.Consumer `messaging:"right" retry:"200ms"`
	}

	attempts chan int
}

func (l *Left) Do(ctx context.Context, _ int) error  { return firstFails(ctx, l.attempts) }
func (r *Right) Do(ctx context.Context, _ int) error { return firstFails(ctx, r.attempts) }

func firstFails(ctx context.Context, attempts chan int) error {
	attempt := service.FromContext(ctx).Attempt
	attempts <- attempt
	if attempt == 1 {
		return errors.New("not yet")
	}
	return nil
}

// Each queue has its own delays: if the destination of one is deleted while its messages wait, the
// messages of another still come back.
func TestDestinationIsDeleted(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		const many = 200
		left, right := &Left{attempts: make(chan int, 2*many)}, &Right{attempts: make(chan int, 2*many)}
		all := service.Configure(messaging.Config{PauseAfter: -1}) // every first attempt fails
		gone, stays := start(t, uri, left, all), start(t, uri, right, all)
		for i := range many {
			for _, queue := range []string{"left", "right"} {
				post(t, uri, "", queue, amqp.Publishing{Body: fmt.Append(nil, i), DeliveryMode: amqp.Persistent})
			}
			if i == 0 { // both delays exist, and the others are in flight
				hosttest.Receive(t, "a failure", left.attempts)
				gone.Log.Wait(t, 1, "message is handled again later")
				hosttest.Close(t, gone.Stop)
				if _, err := brokertest.Channel(t, uri).QueueDelete("gomeko.retry.left", false, false, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		second := 0
		for range 2 * many {
			if hosttest.Receive(t, "an attempt", right.attempts) == 2 {
				second++
			}
		}
		if second != many {
			t.Errorf("got %d second attempts, want %d", second, many)
		}
		hosttest.Close(t, stays.Stop)
		if n := brokertest.Depth(t, uri, "left"); n != many-1 {
			t.Errorf("got %d messages left in the other queue, want %d", n, many-1)
		}
	})
}

// Shop calls a service for each of its messages.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Sell messaging.Consumer `messaging:"sales" retry:"50ms*1000"`
	}

	Stock rpc.Client `rpc:"stock"`

	failed chan error
	sold   chan int
}

func (s *Shop) Sell(ctx context.Context, item int) error {
	ctx = rpc.With(ctx, rpc.Timeout(200*time.Millisecond))
	err := s.Stock.Call(ctx, "take", nil, item)
	if err != nil {
		s.failed <- err
		return err
	}
	s.sold <- item
	return nil
}

// Stock is the called service.
type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Take rpc.Method `rpc:"take(item)"`
	}
}

func (*Stock) Take(context.Context, int) error { return nil }

// While a service is down, the messages of its callers are retried, and none is parked.
func TestServiceRestarts(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		const many = 20
		stock := start(t, uri, new(Stock))
		shop := &Shop{failed: make(chan error, 10_000), sold: make(chan int, many)}
		p := start(t, uri, shop, service.Configure(messaging.Config{PauseAfter: -1}))
		hosttest.Close(t, stock.Stop)
		for i := range many {
			post(t, uri, "", "sales", amqp.Publishing{Body: fmt.Append(nil, i)})
		}
		for range many { // each has failed once, or one of them several times
			if err := hosttest.Receive(t, "a failure", shop.failed); !errors.Is(err, rpc.ErrTimeout) {
				t.Errorf("got %v, want a timeout", err)
			}
		}
		start(t, uri, new(Stock))
		sold := map[int]bool{}
		for len(sold) < many {
			sold[hosttest.Receive(t, "a sale", shop.sold)] = true
		}
		hosttest.Close(t, p.Stop)
		if lines := p.Log.Lines("message parked"); len(lines) > 0 {
			t.Errorf("got %q, want none parked", lines)
		}
		if _, _, err := hosttest.Dial(t, transport.Config{URI: uri}).Inspect(t.Context(), "gomeko.dead.sales"); err == nil {
			t.Error("there is a dead queue")
		}
	})
}
