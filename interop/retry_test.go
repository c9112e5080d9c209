package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Billing is one service with that of peer/billing.py: its instance in Go fails every first
// attempt.
type Billing struct {
	_ service.Name `service:"billing"`

	Entrypoints struct {
		Paid events.Handler `events:"shop.order_paid" retry:"10ms" name:"on_paid"`
	}

	Ledger   rpc.Client `rpc:"ledger"`
	Dispatch events.Dispatcher

	attempts chan<- attempt
}

// An attempt is one of Go's at an event.
type attempt struct {
	id, number int
	data       map[string]any
}

func (b *Billing) Paid(ctx context.Context, n numbered) error {
	a := attempt{n.ID, service.FromContext(ctx).Attempt, maps.Collect(service.Data(ctx))}
	if a.number == 1 {
		b.attempts <- a
		switch n.ID % 3 {
		case 0:
			return errors.New("not at once")
		case 1:
			return service.RetryAfter(time.Millisecond, errors.New("not at once"))
		default:
			return b.Ledger.Call(ctx, "refuse", nil)
		}
	}
	if err := b.Ledger.Call(ctx, "enter", nil, n); err != nil {
		return err
	}
	if err := b.Dispatch(ctx, "invoiced", n); err != nil {
		return err
	}
	b.attempts <- a
	return nil
}

// TestRetry has instances in Python and in Go share a queue of events. What Go fails is tried again
// by Go: no handler in Python sees it, and no header of it goes on to the services that Go calls.
func TestRetry(t *testing.T) {
	const many, queue = 300, "evt-shop-order_paid--billing.on_paid"
	brokertest.Each(t, func(t *testing.T, uri string) {
		startNameko(t, uri, "peer", "config.yaml", "billing", "billing, ledger")
		o := &outcomes{data: dict{"language": "fr", "shop": dict{"id": 7.0}}, attempts: make(chan attempt, 3*many)}
		golang := hostOn(t, service.Config{}, transport.Config{URI: uri}, &Billing{attempts: o.attempts},
			service.Defaults(messaging.Config{PauseAfter: -1})) // it fails more than 20 in a row
		raw := brokertest.Channel(t, uri)
		o.billed = brokertest.Bind(t, raw, "billing.events", "billed")
		entered, heard := brokertest.Bind(t, raw, "ledger.events", "entered"), brokertest.Bind(t, raw, "ledger.events", "heard")

		dispatcher := events.NewDispatcher(hosttest.Dial(t, transport.Config{URI: uri}), "shop")
		dispatch := func(id int) {
			if err := dispatcher(withContext(t.Context(), o.data), "order_paid", numbered{id}); err != nil {
				t.Fatal(err)
			}
		}
		for id := range many {
			dispatch(id)
		}
		byGo := o.collect(t, many)
		for what, told := range map[string]<-chan amqp.Delivery{"entered": entered, "heard": heard} {
			var ids []int
			for range byGo {
				ids = append(ids, o.number(t, hosttest.Next(t, told)))
			}
			if slices.Sort(ids); !slices.Equal(ids, byGo) {
				t.Errorf("%s: got the events %v, want those that Go has handled, %v", what, ids, byGo)
			}
		}

		if err := golang.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		for _, name := range []string{queue, deadletter.RetryQueue(queue), deadletter.DelayQueue(queue, 10*time.Millisecond)} {
			if n := brokertest.Depth(t, uri, name); n != 0 {
				t.Errorf("%d messages are left in %s", n, name)
			}
		}
		dispatch(many) // comes after what Python would handle twice
		if id := o.number(t, hosttest.Next(t, o.billed)); id != many || len(o.attempts) > 0 {
			t.Errorf("got event %d and %d attempts, want event %d and none", id, len(o.attempts), many)
		}
		t.Logf("%d events: Python handled %d, Go failed and retried %d", many, many-len(byGo), len(byGo))
	})
}

// outcomes are what the instances of billing tell.
type outcomes struct {
	data     dict // the context data of every event
	billed   <-chan amqp.Delivery
	attempts chan attempt
}

// collect waits until each of the events is handled with success, once and by either side, and
// returns the numbers of those that Go has handled. They must be those that it has failed before.
func (o *outcomes) collect(t *testing.T, many int) (byGo []int) {
	t.Helper()
	handled, failed := map[int]string{}, map[int]bool{}
	note := func(id int, by string) {
		if handled[id] != "" {
			t.Errorf("event %d: %s has handled it, after %s", id, by, handled[id])
		}
		handled[id] = by
	}
	for len(handled) < many {
		select {
		case d := <-o.billed:
			note(o.number(t, d), "Python")
		case a := <-o.attempts:
			if got := plain(t, a.data); !reflect.DeepEqual(got, o.data) {
				t.Errorf("event %d, attempt %d: Go sees the context data %v, want %v", a.id, a.number, got, o.data)
			}
			if a.number == 1 {
				failed[a.id] = true
			} else {
				note(a.id, "Go")
			}
		case <-time.After(hosttest.Timeout):
			t.Fatalf("%d of %d events were handled within %s", len(handled), many, hosttest.Timeout)
		}
	}
	for id, by := range handled {
		if (by == "Go") != failed[id] {
			t.Errorf("event %d: %s has handled it; that Go failed it is %t", id, by, failed[id])
		}
	}
	if n := len(failed); n == 0 || n == many {
		t.Errorf("%d of %d events came to Go, want some to each", n, many)
	}
	return slices.Sorted(maps.Keys(failed))
}

// number returns the number of the event that a handler in Python tells of. The handler must have
// seen the event's context data and nothing else, and Nameko must send nothing else on.
func (o *outcomes) number(t *testing.T, d amqp.Delivery) int {
	t.Helper()
	var told struct {
		ID   int            `json:"id"`
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(d.Body, &told); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(told.Data, o.data) {
		t.Errorf("event %d: Python sees the context data %v, want %v", told.ID, told.Data, o.data)
	}
	want := []string{"nameko.call_id_stack", "nameko.language", "nameko.shop"}
	if got := slices.Sorted(maps.Keys(d.Headers)); !slices.Equal(got, want) {
		t.Errorf("event %d: Python sends the headers %q on, want %q", told.ID, got, want)
	}
	return told.ID
}
