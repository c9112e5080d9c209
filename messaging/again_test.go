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

// Brief consumes queues that end with their consumer.
type Brief struct {
	_ service.Name `service:"brief"`

	Entrypoints struct {
		Auto      messaging.Consumer `messaging:"auto" auto_delete:"true" retry:"1ms 2ms" method:"Do"`
		Exclusive messaging.Consumer `messaging:"exclusive" exclusive:"true" retry:"1ms*2" method:"Do"`
		Expiring  messaging.Consumer `messaging:"expiring" retry:"1ms 1ms" method:"Do"`
		Long      messaging.Consumer `messaging:"long" auto_delete:"true" retry:"1ms 61s" method:"Do"`
		Plain     messaging.Consumer `messaging:"brief" auto_delete:"true" method:"Do"`
	}

	done chan string
}

// Do fails as its message says, until the third attempt.
func (b *Brief) Do(ctx context.Context, m messaging.Message, how string) error {
	call := service.FromContext(ctx)
	b.done <- fmt.Sprint(call.Row, " ", call.Attempt)
	switch {
	case call.Attempt == 3:
		return nil
	case how == "expected":
		return rpc.NewError("brief.Own", "wrong")
	case how == "later":
		return service.RetryAfter(0, errors.New("later"))
	}
	return errors.New("fault")
}

// Messages of queues that end with their consumer are retried in the process: no retry queue of
// theirs outlives it.
func TestRetryInProcess(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		b := &Brief{done: make(chan string, 100)}
		expiring := messaging.Declare(messaging.Queue{Name: "expiring", Arguments: map[string]any{"x-expires": 600_000}})
		p := start(t, uri, b, expiring)
		for _, test := range []struct {
			queue, how string
			row        string
			attempts   int
		}{
			{"auto", "fault", "Auto", 3},
			{"auto", "expected", "Auto", 1},
			{"auto", "later", "Auto", 3},
			{"exclusive", "fault", "Exclusive", 3},
			{"expiring", "fault", "Expiring", 3},
			{"long", "fault", "Long", 2}, // 61 s exceed the limit
			{"brief", "fault", "Plain", 1},
		} {
			post(t, uri, "", test.queue, amqp.Publishing{Body: []byte(`"` + test.how + `"`)})
			for n := range test.attempts {
				if got, want := hosttest.Receive(t, "an attempt", b.done), fmt.Sprint(test.row, " ", n+1); got != want {
					t.Errorf("%s, %s: got %s, want %s", test.queue, test.how, got, want)
				}
			}
		}
		p.Log.Wait(t, 1, "message dropped: it failed for the last time", "field=Long", "attempts=2")
		p.Log.Wait(t, 7+1, "call failed", "fault")
		hosttest.Close(t, p.Stop)
		if len(b.done) > 0 {
			t.Errorf("got a further attempt: %s", <-b.done)
		}
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for _, queue := range []string{"gomeko.retry.expiring", "gomeko.suspect.expiring", "gomeko.dead.expiring"} {
			if _, _, err := conn.Inspect(t.Context(), queue); err == nil {
				t.Errorf("there is a queue %s", queue)
			}
		}
	})
}

// A message that waits for its next attempt goes back to its queue when the row stops.
func TestStopWhileRetrying(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := &Waiter{failed: make(chan struct{}, 10)}
		expiring := messaging.Declare(messaging.Queue{Name: "waiter", Arguments: map[string]any{"x-expires": 600_000}})
		p := start(t, uri, s, expiring)
		post(t, uri, "", "waiter", amqp.Publishing{Body: []byte(`1`)})
		hosttest.Receive(t, "the failure", s.failed)
		p.Log.Wait(t, 1, "call runs again")
		began := time.Now()
		hosttest.Close(t, p.Stop)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("the stop took %s", took)
		}
		if n := brokertest.Depth(t, uri, "waiter"); n != 1 || len(s.failed) > 0 {
			t.Errorf("got %d messages in the queue, want the one that waited", n)
		}
	})
}

// Waiter always fails.
type Waiter struct {
	_ service.Name `service:"waiter"`

	Entrypoints struct {
		Do messaging.Consumer `messaging:"waiter" retry:"59s"`
	}

	failed chan struct{}
}

func (w *Waiter) Do(context.Context, int) error {
	w.failed <- struct{}{}
	return errors.New("fault")
}
