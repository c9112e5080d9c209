package inject

import (
	"context"
	"sync"
	"time"
)

const (
	// hookTime is how long to wait for a start hook that is running when its context ends.
	hookTime = time.Second

	// rollbackTime limits the stop hooks that run after a failed start.
	rollbackTime = 10 * time.Second
)

// A startContext is the context of a start. If the start fails, fx runs the stop hooks with the
// same context, and would run none of them if it had ended. A startContext switches to one that has
// not.
type startContext struct {
	mu sync.Mutex

	now    context.Context
	cancel context.CancelFunc
	begun  chan struct{} // closed when fx begins to run the stop hooks
	ended  chan struct{} // closed when they have run
}

func newStartContext(ctx context.Context) *startContext {
	return &startContext{now: ctx, begun: make(chan struct{}), ended: make(chan struct{})}
}

// rollBack is called when fx begins to run the stop hooks.
func (c *startContext) rollBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.cancel = context.WithTimeout(context.WithoutCancel(c.now), rollbackTime)
	close(c.begun)
}

// rolledBack is called when the stop hooks have run.
func (c *startContext) rolledBack() {
	c.cancel()
	close(c.ended)
}

// wait waits until the stop hooks have run. It gives up if a start hook does not return.
func (c *startContext) wait() {
	select {
	case <-c.begun:
	case <-time.After(hookTime):
		return
	}
	select {
	case <-c.ended:
	case <-c.current().Done(): // a stop hook does not return
	}
}

func (c *startContext) current() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *startContext) Deadline() (time.Time, bool) { return c.current().Deadline() }
func (c *startContext) Done() <-chan struct{}       { return c.current().Done() }
func (c *startContext) Err() error                  { return c.current().Err() }
func (c *startContext) Value(key any) any           { return c.current().Value(key) }
