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
	control = "gomeko.control" // exchange of what our processes tell one another; nobody else declares it

	abandonLimit = time.Second // how long we try to tell that a call is given up
	abandonValid = time.Minute // how long that is of interest
	earlyKept    = 1000        // cancellations of requests that have not come, or never will
)

func controlExchange() transport.Topology {
	return transport.Topology{Exchanges: []transport.Exchange{{Name: control, Kind: "topic", Durable: true}}}
}

func cancelKey(service string) string { return "cancel." + service }

// A requestID is what a request is known by, and the body of its cancellation.
type requestID struct {
	ReplyTo       string `json:"reply_to"`
	CorrelationID string `json:"correlation_id"`
}

// errCancelled ends the ctx of a call that its caller has given up. Its path is that of Python's.
var errCancelled = NewError("asyncio.exceptions.CancelledError", "cancelled by the caller")

// tryCancelling finds out whether the broker lets us tell of cancelled calls, by a message that goes nowhere: to be refused
// later would close the channel under other calls.
func (c *caller) tryCancelling(ctx context.Context, conn *transport.Conn) error {
	err := conn.Declare(ctx, controlExchange())
	if err == nil {
		err = conn.Publish(ctx, transport.Publishing{Exchange: control, Key: "try"})
	}
	c.cancels.Store(true)
	c.refused(err)
	if !c.cancels.Load() {
		return nil
	}
	return err
}

// abandon tells whoever runs r that nobody waits for it any more. There may be no such one: Nameko does not listen.
func (c *caller) abandon(r *Reply) {
	if !c.cancels.Load() || !c.enter() {
		return
	}
	body, err := codec.JSON.Encode(requestID{c.replyTo, r.id})
	if err != nil {
		panic(err) // strings can be encoded
	}
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	go func() {
		defer c.late.Done()
		ctx, cancel := context.WithTimeout(c.life, abandonLimit)
		defer cancel()
		err := conn.Send(ctx, transport.Publishing{
			Exchange: control,
			Key:      cancelKey(r.service),
			Properties: transport.Properties{
				ContentType:     codec.JSON.ContentType(),
				ContentEncoding: codec.JSON.ContentEncoding(),
				Expiration:      abandonValid,
			},
			Body: body,
		}, c.refused)
		if err != nil {
			c.log.Debug("cancellation not sent", "service", r.service, "method", r.method, "err", err)
		}
	}()
}

// refused gives up cancelling if err is the broker's refusal.
func (c *caller) refused(err error) {
	var refusal *transport.Error
	if errors.As(err, &refusal) && c.cancels.Swap(false) {
		c.log.Warn("calls that are cancelled run on where they were sent", "err", err)
	}
}

// cancels are the requests of a process's services that may be cancelled.
type cancels struct {
	log      *slog.Logger
	consumer *transport.Consumer

	mu      sync.Mutex
	running map[requestID]*running
	early   map[requestID]bool
	order   []requestID // those of early and some that were, oldest first
}

func newCancels(log *slog.Logger) *cancels {
	return &cancels{log: log, running: map[requestID]*running{}, early: map[requestID]bool{}}
}

// open listens for cancellations of calls of the services, on a queue of this process's own that goes with it. Where the
// broker does not let us, calls are not cancelled.
func (c *cancels) open(ctx context.Context, conn *transport.Conn, services []string) (err error) {
	queue := control + "-" + services[0] + "-" + uuid.NewString()
	t := controlExchange()
	// Not exclusive: after a redial the broker may not know yet that the old connection is dead.
	t.Queues = []transport.Queue{{Name: queue, Durable: true, AutoDelete: true, Args: transport.Table{"x-expires": int32(abandonValid.Milliseconds())}}}
	for _, name := range services {
		t.Bindings = append(t.Bindings, transport.Binding{Queue: queue, Exchange: control, Key: cancelKey(name)})
	}
	var refusal *transport.Error
	if err = conn.Declare(ctx, t); err == nil {
		c.consumer, err = conn.Consume(ctx, transport.Consume{Queue: queue, Handle: c.receive})
	}
	if errors.As(err, &refusal) {
		c.log.Warn("calls that their callers cancel run on", "err", err)
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

// receive takes a cancellation. All instances of a service get it, so most are of no request that comes here.
func (c *cancels) receive(d *transport.Delivery) {
	var id requestID
	if err := codec.JSON.Decode(d.Body, &id); err != nil {
		c.log.Debug("cancellation dropped: it cannot be read", "err", err)
	} else {
		c.cancel(id)
	}
	d.Ack()
}

// cancel ends the ctx of a request that runs, or of one that may be yet to come.
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

// A running request may be cancelled until it is done.
type running struct {
	id      requestID
	cancels *cancels
	cancel  context.CancelCauseFunc // nil: nobody can
}

// within returns a ctx for the call that d asks for, which ends when its caller gives it up, and what ends it otherwise.
func (c *cancels) within(ctx context.Context, d *transport.Delivery) (context.Context, *running) {
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

func (r *running) done() {
	if r.cancel == nil {
		return
	}
	c := r.cancels
	c.mu.Lock()
	if c.running[r.id] == r { // and not the same request, delivered again
		delete(c.running, r.id)
	}
	c.mu.Unlock()
	r.cancel(nil)
}
