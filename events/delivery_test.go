package events_test

import (
	"context"
	"slices"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// Cache handles reliable broadcasts and others.
type Cache struct {
	_ service.Name `service:"cache"`

	Entrypoints struct {
		Keep events.Handler `events:"vec_source.kept" delivery:"broadcast"`
		Lose events.Handler `events:"vec_source.lost" delivery:"broadcast" reliable:"false"`
	}

	kept, lost chan int
}

func newCache() *Cache { return &Cache{kept: make(chan int, 10), lost: make(chan int, 10)} }

func (c *Cache) Keep(_ context.Context, n int) error { c.kept <- n; return nil }
func (c *Cache) Lose(_ context.Context, n int) error { c.lost <- n; return nil }

// TestBroadcastOverARestart restarts an instance: its reliable handler gets the events that were
// dispatched meanwhile, and each instance gets every event once.
func TestBroadcastOverARestart(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, events.Config{}, &Source{})
		dispatch := events.NewDispatcher(dial(t, uri), "vec_source")
		tell := func(n int) {
			t.Helper()
			for _, event := range []string{"kept", "lost"} {
				if err := dispatch(t.Context(), event, n); err != nil {
					t.Fatal(err)
				}
			}
		}
		hear := func(what string, from <-chan int, want ...int) {
			t.Helper()
			var got []int
			for range want {
				got = append(got, hosttest.Receive(t, what, from))
			}
			slices.Sort(got) // calls run concurrently
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		}
		one, two := newCache(), newCache()
		first := start(t, uri, events.Config{Identity: "one"}, one)
		start(t, uri, events.Config{Identity: "two"}, two)
		tell(1)
		hear("one, what is kept", one.kept, 1)
		hear("one, what may be lost", one.lost, 1)
		if err := first.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		tell(2)
		tell(3)
		start(t, uri, events.Config{Identity: "one"}, one)
		tell(4)
		hear("one, what was kept", one.kept, 2, 3, 4)
		hear("one, what was not lost", one.lost, 4)
		hear("two, what is kept", two.kept, 1, 2, 3, 4)
		hear("two, what may be lost", two.lost, 1, 2, 3, 4)
	})
}

// TestAutoDeletedExchange deletes an exchange with its last queue: the dispatcher declares it
// again.
func TestAutoDeletedExchange(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		cfg := events.Config{AutoDelete: true}
		start(t, uri, cfg, &Source{})
		emit := caller(t, uri).Client("vec_source")
		listens := func() {
			t.Helper()
			l := &listener{calls: make(chan delivered, 1)}
			s := start(t, uri, cfg, &VecShort{listener: l})
			if err := emit.Call(t.Context(), "emit", nil, "short", 1); err != nil {
				t.Error(err)
			}
			hosttest.Receive(t, "the event", l.calls)
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
		listens()
		if err := brokertest.Channel(t, uri).ExchangeDeclarePassive("vec_source.events", "topic", true, true, false, false, amqp.Table{}); err == nil {
			t.Error("the exchange has outlived the last queue")
		}
		if err := emit.Call(t.Context(), "emit", nil, "short", 1); err != nil {
			t.Errorf("nobody listens, which is not an error: %v", err)
		}
		listens()
	})
}

// VecShort listens while it runs.
type VecShort struct {
	_ service.Name `service:"vec_short"`

	Entrypoints struct {
		Hear events.Handler `events:"vec_source.short" reliable:"false"`
	}

	*listener
}

// Bell handles all events.
type Bell struct {
	_ service.Name `service:"bell"`

	Entrypoints struct {
		Ring events.Handler `events:"vec_source.#"`
	}

	rung chan events.Event
}

func (b *Bell) Ring(_ context.Context, e events.Event) error { b.rung <- e; return nil }

// TestNoPayload has a handler without a payload: it is called for any event, readable or not.
func TestNoPayload(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		bell := &Bell{rung: make(chan events.Event, 1)}
		start(t, uri, events.Config{}, bell)
		m := amqp.Publishing{ContentType: "text/plain", Body: []byte("\xff")}
		if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), "vec_source.events", "a.b", true, false, m); err != nil {
			t.Fatal(err)
		}
		if got, want := hosttest.Receive(t, "the bell", bell.rung), (events.Event{Service: "vec_source", Type: "a.b"}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
