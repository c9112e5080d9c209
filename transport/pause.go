package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var (
	errPaused = errors.New("the consumer is paused")     // ends the deliveries of a consumer
	errProbed = errors.New("the consumer has its probe") // ends those of a paused consumer
)

// Pause stops the delivery of messages until Resume, even across lost connections. When it returns
// nil, Handle is not running, and is not called until then. Messages that were passed to Handle may
// be settled and replied to. Messages that the broker has sent, but that were not passed to Handle,
// return to the queue or were passed to Unhandled. If ctx ends first, Pause returns its cause, and
// the consumer pauses as soon as it can.
//
// To the broker, a paused consumer does not exist: an auto-delete queue is deleted when its last
// consumer pauses.
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

// Probe lets a paused consumer take one message, as soon as there is one, and pause again. It
// returns at once.
func (c *Consumer) Probe() { c.gate.set(openOnce) }

// deliver passes the deliveries of ch to Handle until ctx ends, the broker cancels the consumer, or
// the channel is closed. While the consumer is paused, the channel stays open for deliveries that
// are still being handled. one says that ch consumes for a probe.
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

// prefetch returns the prefetch of a consumer; one says that it consumes for a probe.
func (c *Consumer) prefetch(one bool) int {
	if one {
		return 1
	}
	return c.cfg.Prefetch
}

// A gateState says which deliveries may pass a gate.
type gateState uint8

const (
	openGate gateState = iota
	openOnce           // one delivery passes
	closedGate
)

// A gate controls which deliveries reach a consumer. The zero value is open.
type gate struct {
	mu sync.Mutex

	state    gateState
	released bool          // it stays open
	changed  chan struct{} // closed at the next change; nil unless wait waits
	turn     *turn         // of the goroutine inside the gate; nil if there is none
}

// A turn is a goroutine's stay inside a gate.
type turn struct {
	one   bool
	end   context.CancelCauseFunc
	ended chan struct{}
}

// set changes the state, and ends a turn that began in another state. It returns a channel that is
// closed when that turn has ended.
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

// enter begins a turn, in which one delivery or all of them pass. Its ctx ends at once if the gate
// has changed since once was called.
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
