package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/transport"
)

const (
	listenPrefetch = 100
	listenKept     = 10_000          // events that the queue of Listen keeps; it drops the oldest first
	notFound       = 404             // the broker's reply code for an exchange that does not exist
	listenClose    = 2 * time.Second // how long Listen waits for its queue to be deleted
)

// Listen calls handle with each event of a service until ctx ends, and then returns nil. Use it in
// programs that host no services and want to watch events; use a [Handler] for events that must not
// be lost. The type may be a pattern, as in the tag of a Handler. Listen calls handle for one event
// at a time, with the payload as JSON, whatever codec it was sent in.
//
// The queue is exclusive, and keeps the latest 10,000 events while handle is busy. Listen does not
// declare the service's exchange: it fails if neither the service nor a listener of its events has
// ever run. After a lost connection, it continues with the events dispatched from then on.
func Listen(ctx context.Context, conn *transport.Conn, service, eventType string, handle func(e Event, payload json.RawMessage)) error {
	wrap := func(err error) error {
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound {
			err = fmt.Errorf("neither the service nor a listener of its events has run at this broker: %w", err)
		}
		return fmt.Errorf("events %s of %s: %w", eventType, service, err)
	}
	queue := "gomeko.listen-" + uuid.NewString()
	err := conn.Declare(ctx, transport.Topology{
		Queues: []transport.Queue{{
			Name: queue, Exclusive: true, AutoDelete: true, Args: transport.Table{"x-max-length": int32(listenKept)},
		}},
		Bindings: []transport.Binding{{Queue: queue, Exchange: exchangeOf(service), Key: eventType}},
	})
	defer func() { // otherwise it would be declared again after a reconnect
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listenClose)
		defer cancel()
		_ = conn.Delete(ctx, queue)
	}()
	if err != nil {
		return wrap(err)
	}
	deliveries := make(chan *transport.Delivery)
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	consumer, err := conn.Consume(ctx, transport.Consume{Queue: queue, Prefetch: listenPrefetch, Handle: func(d *transport.Delivery) {
		defer d.Ack()
		select {
		case deliveries <- d:
		case <-stopped.Done():
		}
	}})
	if err != nil {
		return wrap(err)
	}
	defer func() {
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), listenClose)
		defer cancel()
		_ = consumer.Close(ctx)
	}()
	for {
		select {
		case d := <-deliveries:
			payload, err := asJSON(ctx, conn, d)
			if err != nil {
				payload, _ = json.Marshal(fmt.Sprintf("<%v>", err)) // a string can be encoded
			}
			handle(Event{Service: service, Type: d.Key}, payload)
		case <-ctx.Done():
			return nil
		}
	}
}

// asJSON returns the payload of an event as JSON.
func asJSON(ctx context.Context, conn *transport.Conn, d *transport.Delivery) (payload json.RawMessage, err error) {
	var budget codec.Budget
	budget.Reset(ctx, conn.MaxDecoded())
	defer budget.Close()
	c, body, err := conn.Accepts().Open(d.Encoded(), max(conn.MaxMessage(), len(d.Body)), &budget)
	if err != nil {
		return nil, err
	}
	return payload, budget.Decode(c, body, &payload)
}
