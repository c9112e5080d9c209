package transport

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// maxPrefetch is the largest prefetch, which has 16 bits in AMQP.
const maxPrefetch = math.MaxUint16

// Consume describes a consumer of a queue.
type Consume struct {
	Queue string

	// Prefetch limits the number of unacknowledged deliveries. Zero means no limit. A value over
	// 65535, AMQP's largest, counts as 65535.
	Prefetch int

	// Args are the arguments of basic.consume, such as x-priority. With x-stream-offset the queue is
	// read as a stream, from that offset on; [Consumer] says where it continues after a lost
	// connection.
	Args Table

	// AckLater collects acknowledgements until there are 32, or until 50 ms have passed. It saves
	// frames where a repeated delivery does no harm. Prefetch should then be 0 or well over 32.
	AckLater bool

	// Resume prevents a message from being handled twice at the same time. If the channel is lost
	// while a delivery is handled, and the broker delivers the message to this Conn again, Handle is
	// not called for it; the first delivery settles it. A message that was acknowledged after the loss
	// is acknowledged again. Messages are recognised by their content, and each lost delivery stands
	// for one message.
	Resume bool

	// Opened, if set, is called each time the consumer begins on a channel, at first and after each
	// loss, before its deliveries. lost is closed when that channel is. Bindings made with [Conn.Bind]
	// may be missing at that point. Opened must not block.
	Opened func(lost <-chan struct{})

	// Handle is called for each delivery in order, by one goroutine of the consumer. It must ensure
	// that the delivery is settled (Ack, AckNow, Reject), in any goroutine. While it blocks, no
	// further delivery reaches this consumer.
	Handle func(*Delivery)

	// Unhandled is called in place of Handle, by the same goroutine, for each delivery that the broker
	// has already sent when Pause or Cancel stops the deliveries. It must ensure that the delivery is
	// settled. If Unhandled is nil, these deliveries return to the queue, which marks and counts them
	// as redelivered.
	Unhandled func(*Delivery)
}

// A Consumer receives the deliveries of a queue on its own channel. It declares the topology and
// consumes again after the connection was lost, the broker cancelled it because its queue was
// deleted, or its channel was closed. A stream is then read from the first delivery that was not
// settled; after a cancellation, it is read from the position in Consume.Args, because it may be a
// different stream.
//
// Several goroutines may call its methods, but Handle may not.
type Consumer struct {
	conn *Conn
	cfg  Consume
	stop context.CancelCauseFunc

	first   chan error    // the outcome of the first attempt
	decided atomic.Bool   // Consume returns without an error, or is about to return first's
	stopped chan struct{} // closed when run has returned: no Handle is called any more

	gate gate // closed while the consumer is paused

	closing atomic.Bool // Close may have given up, so run closes the channel when it returns
	channel *channel    // the latest; nil until there is one. Conn.mu guards it
}

// Consume starts a consumer. If the broker refuses it (404, 403, 405) the error is an [*Error].
// While the connection is lost, Consume waits for it until ctx ends. A broker that blocks
// publishing on this connection does not read the request either: Consume then returns at once, and
// the consumer begins when the block ends.
func (c *Conn) Consume(ctx context.Context, cfg Consume) (*Consumer, error) {
	cfg.Prefetch = min(cfg.Prefetch, maxPrefetch)
	run, stop := context.WithCancelCause(context.Background())
	consumer := &Consumer{conn: c, cfg: cfg, stop: stop, first: make(chan error, 1), stopped: make(chan struct{})}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		stop(nil)
		return nil, ErrClosed
	}
	c.consumers[consumer] = struct{}{}
	c.wg.Go(func() { consumer.run(run) })
	c.mu.Unlock()

	if err := consumer.begin(ctx); err != nil {
		consumer.closing.Store(true)
		consumer.stop(nil)
		consumer.remove()
		return nil, fmt.Errorf("consume queue %q: %w", cfg.Queue, err)
	}
	return consumer, nil
}

// blockedPoll is how often Consume checks whether the broker blocks the connection.
const blockedPoll = 20 * time.Millisecond

// begin waits until the broker has accepted the consumer, or blocks the connection.
func (c *Consumer) begin(ctx context.Context) error {
	poll := time.NewTicker(blockedPoll)
	defer poll.Stop()
	for {
		select {
		case err := <-c.first:
			return err
		case <-poll.C:
			if err := c.conn.Blocked(); err != nil && c.decided.CompareAndSwap(false, true) {
				c.conn.log.Warn("consumer begins later", "queue", c.cfg.Queue, "err", err)
				return nil
			}
		case <-ctx.Done():
			s, err := c.conn.session(ctx)
			if err == nil {
				err = s.contextError(ctx)
			}
			return err
		}
	}
}

// run is the consumer's goroutine. It consumes on one session after the other, until ctx ends or
// the Conn is closed.
func (c *Consumer) run(ctx context.Context) {
	defer c.end()
	position := positionOf(c.cfg.Args)
	confirmReplies := false // a reply has closed a channel of the session
	for attempt := 0; c.gate.wait(ctx, nil) == nil; attempt++ {
		s, err := c.conn.session(ctx)
		if err != nil {
			c.report(err)
			return
		}
		if attempt > 0 {
			c.conn.redeclare(s) // the queue may have been deleted
		}
		since := time.Now()
		one := c.gate.once()
		ch, err := openChannel(c.conn, s, &c.cfg, position, c.prefetch(one), confirmReplies)
		switch {
		case err == nil:
			c.decided.Store(true)
			c.setChannel(ch)
			c.report(nil)
			if c.cfg.Opened != nil {
				c.cfg.Opened(ch.closed)
			}
			err = c.deliver(ctx, ch, one)
			confirmReplies = confirmReplies || isRefusal(err)
			if errors.Is(err, errCancelled) {
				position = positionOf(c.cfg.Args)
			}
		case !errors.Is(err, errChannelClosed) && c.decided.CompareAndSwap(false, true):
			c.report(err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		handled := 0
		if ch != nil {
			handled = c.conn.orphans.abandon(ch)
		}
		if timeout, ok := consumerTimeout(err); ok {
			c.logTimeout(timeout, handled)
			attempt = -1
			continue
		}
		if s.isLost() {
			confirmReplies = false
			attempt = -1 // the Conn declares the topology and backs off before there is a new session
			continue
		}
		if time.Since(since) > backoffMax {
			attempt = 0
		}
		c.logStopped(err)
		if !backoff(ctx, attempt) {
			return
		}
	}
}

func (c *Consumer) setChannel(ch *channel) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	c.channel = ch
}

// report tells Consume how the first attempt went.
func (c *Consumer) report(err error) {
	select {
	case c.first <- err:
	default:
	}
}

func (c *Consumer) logStopped(err error) {
	const message = "consumer stopped, trying again"
	if isRefusal(err) {
		c.conn.refused(message, c.cfg.Queue, err, "queue", c.cfg.Queue)
	} else {
		c.conn.log.Warn(message, "queue", c.cfg.Queue, "err", err)
	}
}

// logTimeout logs that the broker closed the channel because a delivery was not acknowledged in
// time.
func (c *Consumer) logTimeout(timeout time.Duration, handled int) {
	c.conn.log.Warn("a delivery was not acknowledged within the broker's consumer_timeout: consuming again",
		"queue", c.cfg.Queue, "consumer_timeout", timeout, "unsettled", handled,
		"remedy", "raise consumer_timeout of the broker above the longest call; other processes run the messages again until then")
}

// end is called when run returns.
func (c *Consumer) end() {
	close(c.stopped)
	if ch := c.latest(); ch != nil && c.closing.Load() {
		_ = ch.close()
	}
}

// Cancel stops the delivery of messages. When it returns nil, Handle is not running and is not
// called again. Messages that were passed to Handle may be settled and replied to until Close.
// Messages that the broker has sent, but that were not passed to Handle, return to the queue or
// were passed to Unhandled. Cancel returns ctx's cause if a Handle blocks or the broker does not
// answer.
func (c *Consumer) Cancel(ctx context.Context) error {
	c.stop(nil)
	select {
	case <-c.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cancel the consumer of queue %q: %w", c.cfg.Queue, context.Cause(ctx))
	}
}

// Close stops the delivery of messages as Cancel does, writes the outstanding acknowledgements, and
// closes the channel; unsettled messages return to the queue. If ctx ends first, the channel is
// closed when Handle has returned.
func (c *Consumer) Close(ctx context.Context) error {
	c.closing.Store(true)
	err := c.Cancel(ctx)
	ch := c.remove()
	if err != nil || ch == nil {
		return err
	}
	if err = ch.session.do(ctx, ch.close); err != nil && ctx.Err() != nil {
		return fmt.Errorf("close the consumer of queue %q: %w", c.cfg.Queue, err)
	}
	return nil // any other error means that the channel was closed already
}

// Release closes the channel as Close does, but does not cancel the consumer first: all unsettled
// messages, including those that were not passed to Handle, return to the queue in their original
// order. It is for a consumer that looks at messages and leaves them in the queue.
func (c *Consumer) Release(ctx context.Context) error {
	c.stop(errReleased)
	return c.Close(ctx)
}

// flush writes the acknowledgements given so far. Later ones are not written.
func (c *Consumer) flush() {
	if ch := c.latest(); ch != nil {
		ch.finish()
	}
}

// remove removes the consumer from the Conn, and returns the latest channel.
func (c *Consumer) remove() *channel {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	delete(c.conn.consumers, c)
	return c.channel
}

func (c *Consumer) latest() *channel {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.channel
}
