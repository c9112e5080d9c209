package main

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Listener counts events, each of which reaches one instance of it.
type Listener struct {
	_ service.Name `service:"listener"`

	Entrypoints struct {
		OnHappened events.Handler `events:"bench.happened"`
	}

	handled *atomic.Int64
}

// OnHappened counts an event.
func (l *Listener) OnHappened(_ context.Context, text string) error {
	l.handled.Add(1)
	return nil
}

// An Audience counts events, each of which reaches every instance of it.
type Audience struct {
	_ service.Name `service:"audience"`

	Entrypoints struct {
		OnHappened events.Handler `events:"bench.happened" delivery:"broadcast" reliable:"false"`
	}

	handled *atomic.Int64
}

// OnHappened counts an event.
func (a *Audience) OnHappened(_ context.Context, text string) error {
	a.handled.Add(1)
	return nil
}

// listenersOf returns how many instances there are of what roles are started with.
func listenersOf(args []string) int {
	if args[1] == "one" {
		return 1
	}
	return 8
}

// handleGomeko hosts each listener in a separate container, as separate processes would.
func handleGomeko(ctx context.Context, r *role, args []string) error {
	for range listenersOf(args) {
		var s any = &Listener{handled: &r.handled}
		if args[1] == "broadcast" {
			s = &Audience{handled: &r.handled}
		}
		c, err := service.New(service.Config{Logger: quiet}, s, service.Configure(transport.Config{URI: args[0]}))
		if err != nil {
			return err
		}
		if err := c.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func dispatchGomeko(ctx context.Context, r *role, args []string) error {
	conn, err := transport.Dial(ctx, transport.Config{URI: args[0], Logger: quiet})
	if err != nil {
		return err
	}
	dispatch := events.NewDispatcher(conn, "bench")
	r.call = func(ctx context.Context, text string) error { return dispatch(ctx, "happened", text) }
	return nil
}

const eventExchange = "bench.events"

// handleAMQP is the same by hand: each listener has a connection, the prefetch of gomeko, and as
// many workers. Its third argument is how many deliveries it acknowledges at once.
func handleAMQP(_ context.Context, r *role, args []string) error {
	for i := range listenersOf(args) {
		conn, err := amqp.Dial(args[0])
		if err != nil {
			return err
		}
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		queue := "evt-bench-happened"
		if args[1] == "broadcast" {
			queue += string(rune('a' + i))
		}
		if err := ch.ExchangeDeclare(eventExchange, "topic", true, false, false, false, nil); err != nil {
			return err
		}
		if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
			return err
		}
		if err := ch.QueueBind(queue, "happened", eventExchange, false, nil); err != nil {
			return err
		}
		if err := ch.Qos(workers, 0, false); err != nil {
			return err
		}
		deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
		if err != nil {
			return err
		}
		if len(args) > 2 && args[2] == "batch" {
			go r.handleBatches(deliveries)
			continue
		}
		for range workers {
			go func() {
				for d := range deliveries {
					r.handle(d)
					must(d.Ack(false))
				}
			}()
		}
	}
	return nil
}

func (r *role) handle(d amqp.Delivery) {
	var text string
	must(json.Unmarshal(d.Body, &text))
	r.handled.Add(1)
}

// handleBatches acknowledges every 32nd delivery with those before it, and the last of them after
// 50 ms.
func (r *role) handleBatches(deliveries <-chan amqp.Delivery) {
	var last amqp.Delivery
	n := 0
	tick := time.NewTicker(50 * time.Millisecond)
	for {
		select {
		case d := <-deliveries:
			r.handle(d)
			last, n = d, n+1
			if n < 32 {
				continue
			}
		case <-tick.C:
			if n == 0 {
				continue
			}
		}
		must(last.Ack(true))
		n = 0
	}
}

// dispatchAMQP publishes events and waits for the confirm of each.
func dispatchAMQP(_ context.Context, r *role, args []string) error {
	conn, err := amqp.Dial(args[0])
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	r.call = func(ctx context.Context, text string) error {
		body, err := json.Marshal(text)
		if err != nil {
			return err
		}
		return publish(ctx, ch, eventExchange, "happened", amqp.Publishing{
			ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Body: body,
		})
	}
	return nil
}

// publish returns when the broker has confirmed.
func publish(ctx context.Context, ch *amqp.Channel, exchange, key string, p amqp.Publishing) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, exchange, key, false, false, p)
	if err != nil {
		return err
	}
	_, err = confirm.WaitContext(ctx)
	return err
}

func eventGroups() []*group {
	var all []*group
	for _, kind := range []struct{ name, title string }{
		{"one", "Events to one consumer"}, {"pool", "Events to a pool of 8"}, {"broadcast", "Events broadcast to 8"},
	} {
		copies := 1
		if kind.name == "broadcast" {
			copies = 8
		}
		g := &group{
			title: kind.title,
			unit:  "events",
			about: "64 dispatchers, each of which waits for the broker's confirm of its event. Rates are of events that were handled; p50 and p99 are a dispatcher's.",
			contestants: []contestant{
				{name: raw + ", acknowledging 32 at once", broker: rabbitMQ, server: []string{"amqp091 listener", kind.name, "batch"}, client: []string{"amqp091 dispatcher"}, copies: copies},
				{name: raw, broker: rabbitMQ, server: []string{"amqp091 listener", kind.name}, client: []string{"amqp091 dispatcher"}, copies: copies},
				{name: "gomeko", broker: rabbitMQ, server: []string{"gomeko listener", kind.name}, client: []string{"gomeko dispatcher"}, copies: copies},
				{name: "gomeko, embedded broker", broker: embedded, server: []string{"gomeko listener", kind.name}, client: []string{"gomeko dispatcher"}, copies: copies},
			},
			scenarios: []scenario{{"events/" + kind.name, order{Callers: 64, Size: 50}}},
			claims: []claim{
				{"events/" + kind.name, "gomeko", raw + ", acknowledging 32 at once", rate, 0.9},
			},
		}
		all = append(all, g)
	}
	return all
}
