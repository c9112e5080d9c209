package rpc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/transport"
)

const (
	control = "gomeko.control" // exchange between gomeko processes; Nameko does not know it

	cancelLimit = time.Second // how long a caller tries to send a cancellation
	cancelValid = time.Minute // the expiration of a cancellation
	earlyKept   = 1000        // how many cancellations are kept whose requests have not arrived
)

func controlExchange() transport.Topology {
	return transport.Topology{Exchanges: []transport.Exchange{{Name: control, Kind: "topic", Durable: true}}}
}

func cancelKey(service string) string { return "cancel." + service }

// A requestID identifies a request. It is the body of its cancellation.
type requestID struct {
	ReplyTo       string `json:"reply_to"`
	CorrelationID string `json:"correlation_id"`
}

// errCancelled is the cause that the ctx of a cancelled call ends with. Its path is Python's.
var errCancelled = NewError("asyncio.exceptions.CancelledError", "cancelled by the caller")

// tryCancelling finds out whether the broker lets us send cancellations, with a message that is
// routed to no queue. A refusal later would close the channel that other calls use.
func (c *Caller) tryCancelling(ctx context.Context, conn *transport.Conn) error {
	err := conn.Declare(ctx, controlExchange())
	if err == nil {
		err = c.publisher.Publish(ctx, transport.Publishing{Exchange: control, Key: "try"})
	}
	c.cancels.Store(true)
	c.refused(err)
	if !c.cancels.Load() {
		return nil
	}
	return err
}

// sendCancel sends a cancellation of r to the processes of its service. Nameko ignores it.
func (c *Caller) sendCancel(r *Reply) {
	if !c.cancels.Load() || !c.enter() {
		return
	}
	body, err := codec.JSON.Encode(requestID{c.replyTo, r.id})
	if err != nil {
		panic(err) // strings can be encoded
	}
	go func() {
		defer c.late.Done()
		ctx, cancel := context.WithTimeout(c.life, cancelLimit)
		defer cancel()
		err := c.publisher.Send(ctx, transport.Publishing{
			Exchange: control,
			Key:      cancelKey(r.service),
			Properties: transport.Properties{
				ContentType:     codec.JSON.ContentType(),
				ContentEncoding: codec.JSON.ContentEncoding(),
				Expiration:      cancelValid,
			},
			Body: body,
		}, c.refused)
		if err != nil {
			c.log.Debug("cancellation not sent", "service", r.service, "method", r.method, "err", err)
		}
	}()
}

// refused stops sending cancellations if err is a refusal by the broker.
func (c *Caller) refused(err error) {
	var refusal *transport.Error
	if errors.As(err, &refusal) && c.cancels.Swap(false) {
		c.log.Warn("the broker refuses cancellations: cancelled calls run on in the services that they were sent to", "err", err)
	}
}

// cancels has the requests to this process's services that may be cancelled.
type cancels struct {
	log      *slog.Logger
	consumer *transport.Consumer

	mu      sync.Mutex
	running map[requestID]*running
	early   map[requestID]bool
	order   []requestID // the ids in early, and some that were, oldest first
}

func newCancels(log *slog.Logger) *cancels {
	return &cancels{log: log, running: map[requestID]*running{}, early: map[requestID]bool{}}
}

// open consumes cancellations for the services, from a queue of this process that is deleted with
// it. If the broker refuses it, calls are not cancelled.
func (c *cancels) open(ctx context.Context, conn *transport.Conn, services []string) (err error) {
	queue := control + "-" + services[0] + "-" + uuid.NewString()
	t := controlExchange()
	// Not exclusive: after a reconnect the broker may not know yet that the old connection is dead.
	t.Queues = []transport.Queue{{Name: queue, Durable: true, AutoDelete: true, Args: transport.Table{"x-expires": int32(cancelValid.Milliseconds())}}}
	for _, name := range services {
		t.Bindings = append(t.Bindings, transport.Binding{Queue: queue, Exchange: control, Key: cancelKey(name)})
	}
	var refusal *transport.Error
	if err = conn.Declare(ctx, t); err == nil {
		c.consumer, err = conn.Consume(ctx, transport.Consume{Queue: queue, Handle: c.receive})
	}
	if errors.As(err, &refusal) {
		c.log.Warn("the broker refuses cancellations: calls that their callers cancel run on", "err", err)
		return nil
	}
	return err
}

func (c *cancels) close(ctx context.Context) error {
	if c.consumer == nil {
		return nil
	}
	return c.consumer.Close(ctx)
}

// receive takes a cancellation. All instances of a service get it, so most are for requests that
// another instance has.
func (c *cancels) receive(d *transport.Delivery) {
	var id requestID
	if err := codec.JSON.Decode(d.Body, &id); err != nil {
		c.log.Debug("cancellation dropped: it cannot be read", "err", err)
	} else {
		c.cancel(id)
	}
	d.Ack()
}

// cancel ends the ctx of a running request. If the request has not arrived, the cancellation is
// kept.
func (c *cancels) cancel(id requestID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.running[id]; r != nil {
		r.cancel(errCancelled)
		return
	}
	if c.early[id] {
		return
	}
	c.early[id] = true
	if c.order = append(c.order, id); len(c.order) > earlyKept {
		delete(c.early, c.order[0])
		c.order = c.order[1:]
	}
}

// A running is a request that can be cancelled until its end.
type running struct {
	id      requestID
	cancels *cancels
	cancel  context.CancelCauseFunc // nil if the request has no id
}

// begin returns a ctx for the call that d asks for, which ends when its caller cancels it.
func (c *cancels) begin(ctx context.Context, d *transport.Delivery) (context.Context, *running) {
	r := &running{id: requestID{d.ReplyTo, d.CorrelationID}, cancels: c}
	if r.id.ReplyTo == "" || r.id.CorrelationID == "" {
		return ctx, r
	}
	ctx, r.cancel = context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.early[r.id] {
		delete(c.early, r.id)
		r.cancel(errCancelled)
	} else {
		c.running[r.id] = r
	}
	return ctx, r
}

// end ends the ctx. The request cannot be cancelled any more.
func (r *running) end() {
	if r.cancel == nil {
		return
	}
	c := r.cancels
	c.mu.Lock()
	if c.running[r.id] == r { // not the same request, redelivered
		delete(c.running, r.id)
	}
	c.mu.Unlock()
	r.cancel(nil)
}
