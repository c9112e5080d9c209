package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/transport"
)

const (
	cancelLimit = time.Second // how long a caller tries to send a cancellation
	cancelValid = time.Minute // the expiration of a cancellation

	// A cancellation that arrives before its request is kept within these bounds: at most 1000 of
	// them, for a minute, with ids no longer than AMQP allows. Together they take half a megabyte at
	// most.
	earlyKept  = 1000
	earlyValid = cancelValid
	maxID      = 255  // bytes of a reply_to or correlation_id in AMQP
	maxIDsBody = 4096 // bytes of a cancellation; two ids with all of their bytes escaped take less
)

func cancelKey(service string) string { return "cancel." + service }

// A requestID identifies a request. It is the body of its cancellation.
type requestID struct {
	ReplyTo       string `json:"reply_to"`
	CorrelationID string `json:"correlation_id"`
}

// errCancelled is the cause that the ctx of a cancelled call ends with. Its path is Python's.
var errCancelled = NewError("asyncio.exceptions.CancelledError", "cancelled by the caller")

// declareControl declares the exchange of cancellations. If the broker refuses it, no cancellations
// are sent. It publishes no message to learn more, because a broker that is low on memory stops
// reading from a connection that publishes.
func (c *Caller) declareControl(ctx context.Context, conn *transport.Conn) error {
	err := conn.Declare(ctx, control.Topology())
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
		err := c.canceller.Send(ctx, transport.Publishing{
			Exchange: control.Exchange,
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

// refused stops sending cancellations if err is a refusal by the broker. A missing exchange is not
// one, since it will be declared again.
func (c *Caller) refused(err error) {
	var refusal *transport.Error
	if errors.As(err, &refusal) && refusal.Code != notFound && c.cancels.Swap(false) {
		c.log.Warn("the broker refuses cancellations: cancelled calls run on in the services that they were sent to", "err", err)
	}
}

// cancels tracks the requests to this process's services that can be cancelled.
type cancels struct {
	log *slog.Logger

	mu      sync.Mutex
	running map[requestID]*running
	early   map[requestID]time.Time // when the cancellation came
	order   []requestID             // the ids in early, oldest first, and some that have been removed
}

func newCancels(log *slog.Logger) *cancels {
	return &cancels{log: log, running: map[requestID]*running{}, early: map[requestID]time.Time{}}
}

// receive takes a cancellation. Every instance of a service gets it, so most are for requests of
// other instances.
func (c *cancels) receive(d *transport.Delivery) {
	if id, err := readCancel(d.Body); err != nil {
		c.log.Debug("cancellation dropped: it cannot be read", "err", clip.Error(err))
	} else {
		c.cancel(id)
	}
	d.Ack()
}

// readCancel returns the id of the request that a cancellation is for. It does not decode a body
// that is larger than two AMQP ids can make it.
func readCancel(body []byte) (id requestID, err error) {
	if len(body) > maxIDsBody {
		return id, fmt.Errorf("body: %d bytes, at most %d are allowed", len(body), maxIDsBody)
	}
	if err := codec.JSON.Decode(body, &id); err != nil {
		return id, err
	}
	for name, text := range map[string]string{"reply_to": id.ReplyTo, "correlation_id": id.CorrelationID} {
		if n := len(text); n == 0 || n > maxID {
			return id, fmt.Errorf("%s: %d bytes, must be 1 to %d", name, n, maxID)
		}
	}
	return id, nil
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
	if _, known := c.early[id]; known {
		return
	}
	now := time.Now()
	for len(c.order) > 0 && (len(c.order) >= earlyKept || now.Sub(c.early[c.order[0]]) > earlyValid) {
		delete(c.early, c.order[0])
		c.order = c.order[1:]
	}
	c.early[id] = now
	c.order = append(c.order, id)
}

// A running is a request that can be cancelled until it ends.
type running struct {
	id      requestID
	cancels *cancels
	cancel  context.CancelCauseFunc // nil if the request has no id
}

// begin returns a ctx for the call that d asks for. It ends when the caller cancels the call.
func (c *cancels) begin(ctx context.Context, d *transport.Delivery) (context.Context, *running) {
	r := &running{id: requestID{d.ReplyTo, d.CorrelationID}, cancels: c}
	if r.id.ReplyTo == "" || r.id.CorrelationID == "" {
		return ctx, r
	}
	ctx, r.cancel = context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	at, cancelled := c.early[r.id]
	delete(c.early, r.id)
	if cancelled && time.Since(at) <= earlyValid {
		r.cancel(errCancelled)
	} else {
		c.running[r.id] = r
	}
	return ctx, r
}

// end ends the ctx. The request can no longer be cancelled.
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
