package inject

import (
	"context"
	"sync"
	"time"
)

const (
	// hookTime is how long a start hook is waited for that runs when its context ends.
	hookTime = time.Second

	// rollbackTime limits the stop hooks that run after a start that failed.
	rollbackTime = 10 * time.Second
)

// A startContext is the context of a start. When the start has failed, and fx runs the stop hooks
// with it, it is one that has not ended: fx runs none of them otherwise.
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

// wait waits until the stop hooks have run, unless a start hook does not return.
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
