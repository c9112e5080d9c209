package service

import (
	"context"
	"time"
)

// A clock is the timeout of a call whose method returns an iterator. It can be stopped.
type clock struct {
	timer *time.Timer
	limit time.Duration
}

// timed returns ctx with the row's timeout.
func (c *run) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.row.method.item == nil {
		return context.WithTimeout(ctx, c.row.timeout)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.row.timeout, func() { cancel(context.DeadlineExceeded) })
	c.clock.Store(&clock{timer, c.row.timeout})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// StopClock stops the row's timeout for the call that ctx belongs to; restart starts it again from
// zero. It has an effect only if the method returns an iterator. An entrypoint that sends the items
// one by one stops the clock while it sends one, so the timeout limits how long the method takes
// for each item, not how long a slow reader takes.
func StopClock(ctx context.Context) (restart func()) {
	c, _ := ctx.Value(runKey{}).(*run)
	if c == nil {
		return func() {}
	}
	k := c.clock.Load()
	if k == nil {
		return func() {}
	}
	k.timer.Stop()
	return func() {
		if ctx.Err() == nil {
			k.timer.Reset(k.limit)
		}
	}
}
