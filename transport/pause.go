package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var (
	errPaused = errors.New("the consumer is paused")     // ends the deliveries of a consumer
	errProbed = errors.New("the consumer has its probe") // ends those of a paused one
)

// Pause stops the delivery of messages until Resume, also over lost connections. When it returns
// nil, Handle is not running, and is not called until then. Messages that Handle was called for may
// be settled and replied to; messages that the broker has sent and that Handle was not called for
// return to the queue, or were passed to Unhandled. If ctx ends before, the error is its cause, and
// the consumer pauses as soon as it can.
//
// To the broker, a paused consumer does not exist: a queue with auto-delete is deleted with its
// last one.
func (c *Consumer) Pause(ctx context.Context) error {
	ended := c.gate.set(closedGate)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pause the consumer of queue %q: %w", c.cfg.Queue, context.Cause(ctx))
	}
}

// Resume ends a pause. It returns at once.
func (c *Consumer) Resume() { c.gate.set(openGate) }

// Probe has a paused consumer take one message, as soon as there is one, and pause again. It
// returns at once.
func (c *Consumer) Probe() { c.gate.set(openOnce) }

// deliver hands the deliveries of ch to Handle until ctx ends, or until the broker cancels the
// consumer or closes the channel. While the consumer is paused, the channel stays open for what is
// being handled. one says that ch consumes for a probe.
func (c *Consumer) deliver(ctx context.Context, ch *channel, one bool) error {
	for {
		err := ch.deliver(c.gate.enter(ctx, one), one, c.cfg.Handle)
		c.gate.leave(errors.Is(err, errProbed))
		if !errors.Is(err, errPaused) && !errors.Is(err, errProbed) {
			return err
		}
		if err := c.gate.wait(ctx, ch.closed); err != nil {
			return err
		}
		if ch.isClosed() {
			return ch.err
		}
		one = c.gate.once()
		if err := ch.consume(c.prefetch(one)); err != nil {
			_ = ch.close() // it may still be open
			return brokerError(err, consuming)
		}
	}
}

// prefetch returns the prefetch of a consumer, which may be for a probe.
func (c *Consumer) prefetch(one bool) int {
	if one {
		return 1
	}
	return c.cfg.Prefetch
}

// A gateState says which deliveries pass a gate.
type gateState uint8

const (
	openGate gateState = iota
	openOnce           // one delivery passes
	closedGate
)

// A gate lets the deliveries of a consumer pass. The zero value is open.
type gate struct {
	mu sync.Mutex

	state    gateState
	released bool          // it stays open
	changed  chan struct{} // closed at the next change; nil unless wait waits
	turn     *turn         // of the goroutine that is within; nil if none is
}

// A turn is a stay within a gate.
type turn struct {
	one   bool
	end   context.CancelCauseFunc
	ended chan struct{}
}

// set changes the state, and ends the turn that began in another one. It returns a channel that is
// closed when that has ended.
func (g *gate) set(state gateState) (ended <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.released {
		g.state = state
	}
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
	if t := g.turn; t != nil && (g.state == closedGate || t.one != (g.state == openOnce)) {
		t.end(errPaused)
		return t.ended
	}
	none := make(chan struct{})
	close(none)
	return none
}

// release opens the gate for good.
func (g *gate) release() {
	g.set(openGate)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state, g.released = openGate, true
}

// enter begins a turn, in which one delivery passes or all do. Its ctx ends at once if the gate has
// changed since once said which.
func (g *gate) enter(ctx context.Context, one bool) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turn = &turn{one: one, ended: make(chan struct{})}
	ctx, g.turn.end = context.WithCancelCause(ctx)
	if g.state == closedGate || one != (g.state == openOnce) {
		g.turn.end(errPaused)
	}
	return ctx
}

// leave ends a turn. If a probe has passed, the gate is closed behind it.
func (g *gate) leave(probed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if probed && g.state == openOnce {
		g.state = closedGate
	}
	g.turn.end(nil)
	close(g.turn.ended)
	g.turn = nil
}

// wait waits until the gate is open, or closed is closed. The error is ctx's cause.
func (g *gate) wait(ctx context.Context, closed <-chan struct{}) error {
	for {
		g.mu.Lock()
		if g.state != closedGate {
			g.mu.Unlock()
			return nil
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-closed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once reports whether one delivery may pass.
func (g *gate) once() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == openOnce
}
