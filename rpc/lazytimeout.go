package rpc

import (
	"context"
	"sync"
	"time"
)

// A lazyTimeout is a context whose timeout begins when something first waits for it. Most replies
// are written without waiting, and need no timer.
type lazyTimeout struct {
	context.Context
	limit func(context.Context) (context.Context, context.CancelFunc)

	mu     sync.Mutex
	inner  context.Context // nil until something waits
	cancel context.CancelFunc
}

// newLazyTimeout returns ctx with the limit, and a function that releases it.
func newLazyTimeout(ctx context.Context, limit func(context.Context) (context.Context, context.CancelFunc)) (context.Context, context.CancelFunc) {
	p := &lazyTimeout{Context: ctx, limit: limit}
	return p, p.end
}

// Done implements [context.Context].
func (p *lazyTimeout) Done() <-chan struct{} { return p.begun().Done() }

// Err implements [context.Context].
func (p *lazyTimeout) Err() error { return p.current().Err() }

// Deadline implements [context.Context].
func (p *lazyTimeout) Deadline() (time.Time, bool) { return p.begun().Deadline() }

// Value implements [context.Context]. Derived contexts use it to find the context that cancels
// them.
func (p *lazyTimeout) Value(key any) any { return p.current().Value(key) }

func (p *lazyTimeout) begun() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		p.inner, p.cancel = p.limit(p.Context)
	}
	return p.inner
}

func (p *lazyTimeout) current() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		return p.Context
	}
	return p.inner
}

func (p *lazyTimeout) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner != nil {
		p.cancel()
	}
}
