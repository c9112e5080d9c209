package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A caller makes the calls of a process: it owns the reply queue, and knows who waits for what.
type caller struct {
	cfg      Config
	log      *slog.Logger
	id       string // the call id of calls that are made outside of a service's call
	replyTo  string // the key that replies come by
	conn     *transport.Conn
	consumer *transport.Consumer

	mu      sync.Mutex
	closed  bool
	pending map[string]chan outcome // by correlation id; each has room for its one outcome
}

// longest is what a request can say that is left: AMQP counts milliseconds in 32 bits.
const longest = math.MaxUint32 * time.Millisecond

// An outcome ends a call: the reply, or why there will be none.
type outcome struct {
	reply *transport.Delivery
	err   error
}

func newCaller(cfg Config, log *slog.Logger) *caller {
	return &caller{
		cfg:     cfg,
		log:     log,
		id:      "standalone_rpc_proxy.call." + uuid.NewString(),
		replyTo: uuid.NewString(),
		pending: map[string]chan outcome{},
	}
}

// open makes the reply queue, named for the service that calls, and consumes it. Nobody else declares it, but the
// services reply by its binding, so it is Nameko's (SPEC §2.1). It outlives a lost connection by five minutes.
func (c *caller) open(ctx context.Context, conn *transport.Conn, name string) (err error) {
	queue := "rpc.reply-" + name + "-" + c.replyTo
	err = conn.Declare(ctx, transport.Topology{
		Exchanges: []transport.Exchange{{Name: c.cfg.exchange(), Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queue, Durable: true, Args: transport.Table{"x-expires": int32(300_000)}}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: c.cfg.exchange(), Key: c.replyTo}},
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.consumer, err = conn.Consume(ctx, transport.Consume{Queue: queue, Handle: c.receive})
	return err
}

// call sends the request key, <service>.<method>, and returns its reply, within ctx.
func (c *caller) call(ctx context.Context, key string, body []byte) (*transport.Delivery, error) {
	stack := []string{c.id}
	if call := service.FromContext(ctx); call != nil {
		stack = call.Stack()
	}
	p := transport.Publishing{
		Exchange:  c.cfg.exchange(),
		Key:       key,
		Mandatory: true,
		Properties: transport.Properties{
			ContentType:     transport.JSON.ContentType(),
			ContentEncoding: transport.JSON.ContentEncoding(),
			Headers:         headersOf(stack, service.Data(ctx)),
			Persistent:      true,
			CorrelationID:   uuid.NewString(),
			ReplyTo:         c.replyTo,
		},
		Body: body,
	}
	if deadline, ok := ctx.Deadline(); ok {
		p.Expiration = min(max(time.Until(deadline), time.Millisecond), longest) // 0 would be none
	}
	return c.await(ctx, p)
}

// await sends p and waits for its outcome.
func (c *caller) await(ctx context.Context, p transport.Publishing) (*transport.Delivery, error) {
	id, done := p.CorrelationID, make(chan outcome, 1)
	c.mu.Lock()
	conn, closed := c.conn, c.closed
	c.pending[id] = done
	c.mu.Unlock()
	defer c.forget(id)
	switch {
	case closed:
		return nil, transport.ErrClosed
	case conn == nil:
		return nil, errors.New("the container has not started")
	}
	err := conn.Send(ctx, p, func(err error) {
		if err != nil { // a request that was taken waits on for its reply
			c.settle(id, outcome{err: err})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("not sent: %w", err)
	}
	select {
	case o := <-done:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("no reply: %w", ctx.Err())
	}
}

// receive takes a reply. One that nobody waits for is late, or comes a second time.
func (c *caller) receive(d *transport.Delivery) {
	if !c.settle(d.CorrelationID, outcome{reply: d}) {
		c.log.Debug("reply dropped: nobody waits for it", "correlation_id", d.CorrelationID)
	}
	d.Ack()
}

// settle ends the call id and reports whether somebody waited for it.
func (c *caller) settle(id string, o outcome) bool {
	c.mu.Lock()
	done, ok := c.pending[id]
	delete(c.pending, id)
	c.mu.Unlock()
	if ok {
		done <- o
	}
	return ok
}

func (c *caller) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// close fails the calls that wait, and all later ones.
func (c *caller) close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	for id, done := range c.pending {
		delete(c.pending, id)
		done <- outcome{err: transport.ErrClosed}
	}
	c.mu.Unlock()
	if c.consumer == nil {
		return nil
	}
	return c.consumer.Close(ctx)
}
