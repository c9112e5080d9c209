package service

import (
	"context"
	"time"
)

// Deadline returns the end of the request's limit, or the deadline of its context if that is
// earlier.
func (c *run) Deadline() (time.Time, bool) {
	outer, ok := c.Context.Deadline()
	if c.timer == nil || c.lifted.Load() || ok && outer.Before(c.deadline) {
		return outer, ok
	}
	return c.deadline, true
}

// Lift removes the [Request].Limit of the call that ctx belongs to. It is for entrypoints whose
// calls may turn out to be streams, which last as long as they are read.
func Lift(ctx context.Context) {
	if c, ok := ctx.Value(runKey{}).(*run); ok {
		c.lift()
	}
}

func (c *run) lift() {
	if c.timer != nil {
		c.lifted.Store(true)
		c.timer.Stop()
	}
}
