package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consume describes a consumer of a queue.
type Consume struct {
	Queue    string
	Prefetch int   // deliveries unacknowledged at once; 0 is no limit
	Args     Table // of basic.consume: x-stream-offset, which counts until there was a delivery, x-priority
	AckLater bool  // acknowledgements may wait for 32 of them, or 50 ms: deliveries that come again do no harm. Prefetch is 0, or well over 32
	// Handle is called for each delivery in order, by one goroutine of the consumer's.
	// It must settle the delivery sooner or later (Ack, Reject), in any goroutine.
	// While it blocks, nothing further is delivered to this consumer.
	Handle func(*Delivery)
}

// A Consumer receives a queue's deliveries on a channel of its own. It consumes again, the topology declared first,
// after a redial, after the broker cancelled it (a queue deleted) and after its channel was closed. A stream, if Args say
// where to read it from, it then reads on from its first delivery that is not settled, unless the broker cancelled it. Its
// methods may be called by several goroutines, and not by Handle.
type Consumer struct {
	conn *Conn
	cfg  Consume
	stop context.CancelFunc

	first   chan error    // the outcome of the first attempt
	stopped chan struct{} // closed when no Handle is running or to come

	position *position // run's; nil if it reads no stream

	closing atomic.Bool // run closes the channel when it ends, for nobody may be waiting by then
	wary    atomic.Bool // a reply has closed a channel of this session: the next ones are confirmed
	// Under conn.mu:
	place *session // where it consumes; nil while it does not
	ended bool     // it does not consume again
	link  *link    // the latest
}

// Consume starts a consumer. A refusal of the broker (404, 403, 405) is an [*Error]. While the broker is away Consume
// waits for it, as long as ctx does.
func (c *Conn) Consume(ctx context.Context, cfg Consume) (*Consumer, error) {
	run, stop := context.WithCancel(context.Background())
	consumer := &Consumer{conn: c, cfg: cfg, stop: stop, first: make(chan error, 1), stopped: make(chan struct{}),
		position: positionOf(cfg.Args)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		stop()
		return nil, ErrClosed
	}
	c.consumers[consumer] = struct{}{}
	c.wg.Go(func() { consumer.run(run) })
	c.mu.Unlock()

	var err error
	select {
	case err = <-consumer.first:
	case <-ctx.Done():
		var s *session
		if s, err = c.session(ctx); err == nil {
			err = s.late(ctx)
		}
	}
	if err != nil {
		consumer.closing.Store(true)
		consumer.stop()
		consumer.forget()
		return nil, fmt.Errorf("consume queue %q: %w", cfg.Queue, err)
	}
	return consumer, nil
}

// Cancel ends delivery: when it returns nil no Handle call is running or to come; what was delivered by then may still
// be settled and replied to until Close. What the broker had sent ahead and was not handed to Handle is given back to
// the queue. It ends with ctx's cause while a Handle blocks or the broker does not answer.
func (c *Consumer) Cancel(ctx context.Context) error {
	c.stop()
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cancel the consumer of queue %q: %w", c.cfg.Queue, context.Cause(ctx))
	}
}

// Close ends delivery, writes the acknowledgements that are outstanding, and closes the channel: what was not settled
// goes back to the broker. If ctx ends first, that happens when Handle has returned.
func (c *Consumer) Close(ctx context.Context) error {
	c.closing.Store(true)
	err := c.Cancel(ctx)
	l := c.forget()
	if err != nil || l == nil {
		return err
	}
	if err = l.session.do(ctx, l.quit); err != nil && ctx.Err() != nil {
		return fmt.Errorf("close the consumer of queue %q: %w", c.cfg.Queue, err)
	}
	return nil // a channel that is closed already is what was wanted
}

// flush writes the acknowledgements that were given, and takes no more.
func (c *Consumer) flush() {
	c.conn.mu.Lock()
	l := c.link
	c.conn.mu.Unlock()
	if l != nil {
		l.finish()
	}
}

// forget leaves the connection's consumers, and returns the latest link.
func (c *Consumer) forget() *link {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	delete(c.conn.consumers, c)
	return c.link
}

// run is the consumer's goroutine: it consumes on one session after the other, until ctx ends or the connection does.
func (c *Consumer) run(ctx context.Context) {
	defer c.end()
	started := false
	for attempt := 0; ; attempt++ {
		s, err := c.conn.session(ctx)
		if err != nil {
			c.report(err)
			return
		}
		if attempt > 0 {
			c.conn.restore(s) // the queue may be gone
		}
		since := time.Now()
		l, err := c.consume(s)
		switch {
		case err == nil:
			started = true
			c.set(s, l)
			c.report(nil)
			err = l.deliver(ctx, c.cfg.Handle)
			c.set(nil, l)
		case !started && !errors.Is(err, errGone):
			c.report(err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		if s.isLost() {
			c.wary.Store(false)
			attempt = -1 // whoever connects again declares the topology and backs off
			continue
		}
		if time.Since(since) > backoffMax {
			attempt = 0
		}
		level := slog.LevelWarn
		if refusal := (*Error)(nil); errors.As(err, &refusal) {
			level = slog.LevelError // somebody has to do something
		}
		c.conn.log.Log(ctx, level, "consumer stopped, trying again", "queue", c.cfg.Queue, "err", err)
		if !pause(ctx, attempt) {
			return
		}
	}
}

// consume opens a channel and starts to consume on it.
func (c *Consumer) consume(s *session) (*link, error) {
	ch, err := s.amqp.Channel()
	if err != nil {
		return nil, gone(err, connecting)
	}
	l := newLink(c, s, ch)
	if c.cfg.Prefetch > 0 {
		err = ch.Qos(c.cfg.Prefetch, 0, false)
	}
	var args amqp.Table
	if err == nil {
		args, _, err = encodeTable(c.position.resume(c.cfg.Args))
	}
	if err == nil {
		l.deliveries, err = ch.Consume(c.cfg.Queue, consumerTag, false, false, false, false, args)
	}
	if err == nil && !s.run(l.run) {
		err = errGone
	}
	if err != nil {
		ch.Close()
		return nil, gone(err, consuming)
	}
	return l, nil
}

func (c *Consumer) end() {
	c.conn.mu.Lock()
	c.ended = true
	l := c.link
	c.conn.broadcast()
	c.conn.mu.Unlock()
	close(c.stopped)
	if l != nil && c.closing.Load() {
		_ = l.quit()
	}
}

func (c *Consumer) set(s *session, l *link) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	c.place, c.link = s, l
	c.conn.broadcast()
}

// report tells Consume how the first attempt went.
func (c *Consumer) report(err error) {
	select {
	case c.first <- err:
	default:
	}
}
