package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
)

// Observers notifies all observers of a container. [Host.Observers] returns it. Extensions call its
// methods to report what the container cannot see: messages that they send, and what becomes of
// those that failed. Without an [Observer], the methods do nothing, at no cost.
type Observers struct {
	logger *slog.Logger
	all    []*observer // complete when New returns
}

// An observer is one [Observer] of a container.
type observer struct {
	Observer
	logger   *slog.Logger
	panicked [hooks]atomic.Bool // by hook: its panic was logged
}

// A hook is one of the functions of an [Observer].
type hook uint8

const (
	bound hook = iota
	callBegan
	callStarted
	callEnded
	callStuck
	sendBegan
	sendEnded
	retried
	parked
	dropped
	connected
	disconnected
	socketOpened
	socketClosed
	ticksMissed

	hooks
)

// String returns the name of the function.
func (h hook) String() string {
	return [...]string{
		"Bound", "CallBegan", "CallStarted", "CallEnded", "CallStuck", "SendBegan", "SendEnded", "Retried", "Parked", "Dropped",
		"Connected", "Disconnected", "SocketOpened", "SocketClosed", "TicksMissed",
	}[h]
}

// Observe adds an observer. It is for an [Extension] that needs the Host to make one; otherwise,
// use [Configure]. After [New] has returned, it returns an error.
func (h *Host) Observe(o Observer) error {
	if h.container.bound {
		return errors.New("Observe was called after service.New has returned: call it in an Extension, Entrypoint or Dependency")
	}
	h.container.observers.add(o)
	return nil
}

// Observers returns the observers of the container. They are complete when [New] has returned.
func (h *Host) Observers() *Observers { return &h.container.observers }

func (all *Observers) add(o Observer) {
	all.all = append(all.all, &observer{Observer: o, logger: all.logger})
}

// On reports whether there is an observer. A nil *Observers has none, and its methods may be
// called.
func (all *Observers) On() bool { return all != nil && len(all.all) > 0 }

// each calls tell for every observer. A panic of one is logged, and the others are still told.
func (all *Observers) each(h hook, tell func(o *observer)) {
	if all == nil {
		return
	}
	for _, o := range all.all {
		o.tell(h, tell)
	}
}

func (o *observer) tell(h hook, tell func(o *observer)) {
	defer o.recovered(h)
	tell(o)
}

// recovered is deferred around each call of a function of the observer, and logs its first panic.
func (o *observer) recovered(h hook) {
	if p := recover(); p != nil && !o.panicked[h].Swap(true) {
		o.logger.Error("observer panicked: further panics of this function are not logged", "function", h.String(),
			"err", clip.Text(fmt.Sprint(p), clip.Log))
	}
}

// bound reports that all rows are bound.
func (all *Observers) bound(host *Host) {
	all.each(bound, func(o *observer) {
		if o.Bound != nil {
			o.Bound(host)
		}
	})
}

// callBegan, callStarted and callEnded are on the path of every call. They avoid each, which copies
// the call once more and calls a function value twice.

func (all *Observers) callBegan(ctx context.Context, c *ObservedCall) context.Context {
	for _, o := range all.all {
		if o.CallBegan != nil {
			ctx = o.callBegan(ctx, c)
		}
	}
	return ctx
}

func (o *observer) callBegan(ctx context.Context, c *ObservedCall) (changed context.Context) {
	changed = ctx // if it panics
	defer o.recovered(callBegan)
	changed = cmp.Or(o.CallBegan(ctx, *c), ctx)
	return changed
}

func (all *Observers) callStarted(ctx context.Context, c *ObservedCall) {
	for _, o := range all.all {
		if o.CallStarted != nil {
			o.callStarted(ctx, c)
		}
	}
}

func (o *observer) callStarted(ctx context.Context, c *ObservedCall) {
	defer o.recovered(callStarted)
	o.CallStarted(ctx, *c)
}

func (all *Observers) callEnded(ctx context.Context, c *ObservedCall) {
	for _, o := range all.all {
		if o.CallEnded != nil {
			o.callEnded(ctx, c)
		}
	}
}

func (o *observer) callEnded(ctx context.Context, c *ObservedCall) {
	defer o.recovered(callEnded)
	o.CallEnded(ctx, *c)
}

func (all *Observers) callStuck(ctx context.Context, c ObservedCall) {
	all.each(callStuck, func(o *observer) {
		if o.CallStuck != nil {
			o.CallStuck(ctx, c)
		}
	})
}

// Refused reports that a call of a row was not made because its input was refused. It counts as a
// call with [OutcomeRejected]. It is for entrypoints that refuse input before [Row.Run].
func (all *Observers) Refused(ctx context.Context, r *Row, header Header, err error) {
	if !all.On() {
		return
	}
	call := &Call{Service: r.Service, Method: r.CallName(), Row: r.Name, ID: r.callID(""), Attempt: 1}
	c := ObservedCall{Call: call, Entry: r, Header: header, Began: time.Now()}
	ctx = all.callBegan(ctx, &c)
	c.Outcome, c.Err = OutcomeRejected, err
	all.callEnded(ctx, &c)
}

// SendBegan reports that a message is about to be sent, and returns the context for SendEnded. The
// observers may add to m.Headers, which must not be nil if On returns true.
func (all *Observers) SendBegan(ctx context.Context, m Message) context.Context {
	all.each(sendBegan, func(o *observer) {
		if o.SendBegan != nil {
			ctx = cmp.Or(o.SendBegan(ctx, m), ctx)
		}
	})
	return ctx
}

// SendEnded reports the outcome of sending a message that was reported with SendBegan, and how long
// it took.
func (all *Observers) SendEnded(ctx context.Context, m Message, took time.Duration, err error) {
	all.each(sendEnded, func(o *observer) {
		if o.SendEnded != nil {
			o.SendEnded(ctx, m, took, err)
		}
	})
}

// Retried reports that a failed message or request will be handled again.
func (all *Observers) Retried(ctx context.Context, f Failure) {
	all.each(retried, func(o *observer) {
		if o.Retried != nil {
			o.Retried(ctx, f)
		}
	})
}

// Parked reports that a message or request was moved to the dead queue.
func (all *Observers) Parked(ctx context.Context, f Failure) {
	all.each(parked, func(o *observer) {
		if o.Parked != nil {
			o.Parked(ctx, f)
		}
	})
}

// Dropped reports that a failed message or request was acknowledged without being kept.
func (all *Observers) Dropped(ctx context.Context, f Failure) {
	all.each(dropped, func(o *observer) {
		if o.Dropped != nil {
			o.Dropped(ctx, f)
		}
	})
}

// Connected reports that a connection to the broker is open.
func (all *Observers) Connected(c Connection) {
	all.each(connected, func(o *observer) {
		if o.Connected != nil {
			o.Connected(c)
		}
	})
}

// Disconnected reports that a connection to the broker was lost or closed.
func (all *Observers) Disconnected(c Connection) {
	all.each(disconnected, func(o *observer) {
		if o.Disconnected != nil {
			o.Disconnected(c)
		}
	})
}

// SocketOpened reports that a websocket was opened.
func (all *Observers) SocketOpened(s ObservedSocket) {
	all.each(socketOpened, func(o *observer) {
		if o.SocketOpened != nil {
			o.SocketOpened(s)
		}
	})
}

// SocketClosed reports that a websocket was closed.
func (all *Observers) SocketClosed(s ObservedSocket) {
	all.each(socketClosed, func(o *observer) {
		if o.SocketClosed != nil {
			o.SocketClosed(s)
		}
	})
}

// TicksMissed reports that n ticks of a timer were skipped because they were late.
func (all *Observers) TicksMissed(r *Row, n int) {
	all.each(ticksMissed, func(o *observer) {
		if o.TicksMissed != nil {
			o.TicksMissed(r, n)
		}
	})
}

// observed returns the call as the observers see it.
func (c *run) observed() *ObservedCall {
	return &ObservedCall{
		Call:    &c.call,
		Entry:   c.row,
		Header:  c.request.Header,
		Began:   c.began,
		Started: c.started,
		Waited:  c.waited,
	}
}

// observeEnd reports to the observers how the call has ended.
func (c *run) observeEnd(outcome Outcome, err error) {
	all := &c.row.container.observers
	if !all.On() {
		return
	}
	o := c.observed()
	if c.started {
		o.Duration = time.Since(c.began) - c.waited
	} else {
		o.Waited = time.Since(c.began)
	}
	o.Outcome, o.Err = outcome, err
	all.callEnded(c, o)
}
