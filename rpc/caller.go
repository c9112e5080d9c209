package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/transport"
)

// A caller makes the calls of a process: it owns the reply queue, and knows who waits for what.
type caller struct {
	cfg      Config
	codec    codec.Codec // of requests
	log      *slog.Logger
	id       string // the call id of calls that are made outside of a service's call
	replyTo  string // the key that replies come by
	queue    string // which they wait in
	conn     *transport.Conn
	consumer *transport.Consumer
	cancels  atomic.Bool // callees can be told that a call is given up

	// hosted is told of a service that somebody waits for; nil if there is none in this process.
	hosted func(ctx context.Context, service string)

	late sync.WaitGroup  // the goroutines of calls that end late; added to under mu, before closed
	life context.Context // theirs
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	pending map[string]*Reply // by correlation id
	looks   map[string]*look  // by queue, those of the last second
}

// longest is what a request can say that is left: AMQP counts milliseconds in 32 bits.
const longest = math.MaxUint32 * time.Millisecond

func newCaller(broker transport.Config, cfg Config, log *slog.Logger) *caller {
	life, end := context.WithCancel(context.Background())
	return &caller{
		life:    life,
		end:     end,
		cfg:     cfg,
		codec:   cmp.Or[codec.Codec](broker.Codec, codec.JSON),
		log:     log,
		id:      "standalone_rpc_proxy.call." + uuid.NewString(),
		replyTo: uuid.NewString(),
		pending: map[string]*Reply{},
		looks:   map[string]*look{},
	}
}

// open declares the reply queue, named after the calling service, and consumes it. Services reply by
// its binding, so name and binding are Nameko's (see docs/wire/nameko.md, Names). The queue exists for
// five more minutes after its connection is lost or its process has died.
func (c *caller) open(ctx context.Context, conn *transport.Conn, name string) (err error) {
	c.queue = "rpc.reply-" + name + "-" + c.replyTo
	err = conn.Declare(ctx, transport.Topology{
		Exchanges: []transport.Exchange{{Name: c.cfg.exchange(), Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: c.queue, Durable: true, Args: transport.Table{"x-expires": int32(300_000)}, OnMissing: c.bereave}},
		Bindings:  []transport.Binding{{Queue: c.queue, Exchange: c.cfg.exchange(), Key: c.replyTo}},
	})
	if err != nil {
		return err
	}
	if err = c.tryCancelling(ctx, conn); err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.consumer, err = conn.Consume(ctx, transport.Consume{Queue: c.queue, AckLater: true, Handle: c.receive})
	return err
}

// publishing returns the request r with its body.
func (c *caller) publishing(ctx context.Context, r *Reply, body []byte) transport.Publishing {
	return transport.Publishing{
		Exchange:  c.cfg.exchange(),
		Key:       r.name(),
		Mandatory: true,
		Properties: transport.Properties{
			ContentType:     r.codec.ContentType(),
			ContentEncoding: r.codec.ContentEncoding(),
			Headers:         headers.Of(ctx, c.id),
			Persistent:      true,
			CorrelationID:   r.id,
			ReplyTo:         c.replyTo,
		},
		Body: body,
	}
}

// send sends the request p of the call r, which waits for its reply from then on, unless there is an error.
func (c *caller) send(ctx context.Context, r *Reply, p transport.Publishing) error {
	c.mu.Lock()
	conn, closed, taken := c.conn, c.closed, c.pending[r.id] != nil
	ready := !closed && conn != nil && !taken
	if ready {
		c.pending[r.id] = r
		r.limit = conn.MaxMessage()
	}
	c.mu.Unlock()
	switch {
	case closed:
		return transport.ErrClosed
	case conn == nil:
		return errors.New("the container has not started")
	case taken:
		return fmt.Errorf("correlation id %q is that of another call, which waits: give each its own", r.id)
	}
	err := conn.Send(ctx, p, func(err error) {
		if err != nil { // a request that was taken waits on for its reply
			c.settle(r.id, nil, r.failed(err))
		}
		r.taken.Store(err == nil)
	})
	switch {
	case err == nil, !c.forget(r.id):
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()): // its cause alone is told
		return fmt.Errorf("not sent: %w: %w", ctx.Err(), err)
	}
	return fmt.Errorf("not sent: %w", err)
}

// awaits says that a reply of the service is waited for from now on.
func (c *caller) awaits(ctx context.Context, service string) {
	if c.hosted != nil {
		c.hosted(ctx, service)
	}
}

// awaited returns how many calls of the service somebody waits for.
func (c *caller) awaited(service string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.pending {
		if r.service == service && r.waits.Load() > 0 {
			n++
		}
	}
	return n
}

// receive takes a reply. One that nobody waits for is late, or comes a second time.
func (c *caller) receive(d *transport.Delivery) {
	if !c.settle(d.CorrelationID, d, nil) {
		c.log.Debug("reply dropped: nobody waits for it", "correlation_id", d.CorrelationID)
	}
	d.Ack()
}

// bereave ends the calls whose requests were taken when the reply queue is gone: it may have had their replies.
func (c *caller) bereave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, r := range c.pending {
		if r.taken.Load() {
			delete(c.pending, id)
			r.settle(nil, r.failed(fmt.Errorf("the reply queue is gone: %w", transport.ErrConnectionLost)))
		}
	}
}

// settle ends the call id, by its reply or by why there is none, and reports whether somebody waited for it. A reply that
// comes after the deadline is too late even if ctx has not heard of that: often it only tells that the callee, which has
// as much time, has given up too.
func (c *caller) settle(id string, d *transport.Delivery, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.pending[id]
	ok = ok && (d == nil || r.deadline.IsZero() || time.Now().Before(r.deadline))
	if ok {
		delete(c.pending, id)
		r.settle(d, err)
	}
	return ok
}

// forget takes a call from those that wait, for whoever ends it then, and reports whether it was there.
func (c *caller) forget(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.pending[id]
	delete(c.pending, id)
	return ok
}

// parting is how long close waits for cancellations that are on their way.
const parting = 100 * time.Millisecond

// clearing is how long close waits for the reply queue to be deleted.
const clearing = 5 * time.Second

// close fails the calls that wait, and all later ones, and deletes the reply queue if the broker is there. Else that goes by
// itself. A reply that is yet to come is dropped by the broker: none is mandatory.
func (c *caller) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	for id, r := range c.pending {
		delete(c.pending, id)
		r.settle(nil, r.failed(transport.ErrClosed))
	}
	c.mu.Unlock()
	defer c.end()
	defer time.AfterFunc(parting, c.end).Stop()
	c.late.Wait()
	if c.consumer == nil {
		return nil
	}
	if err := c.consumer.Close(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, clearing)
	defer cancel()
	if err := c.conn.Delete(ctx, c.queue); err != nil {
		c.log.Debug("reply queue left behind: it goes by itself", "err", err)
	}
	return nil
}
