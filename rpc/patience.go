package rpc

import (
	"context"
	"sync"
	"time"
)

// A patience is a context with a limit that is counted from when somebody first waits for its end. Most replies are written
// without that.
type patience struct {
	context.Context
	limit func(context.Context) (context.Context, context.CancelFunc)

	mu     sync.Mutex
	inner  context.Context // nil until somebody waits
	cancel context.CancelFunc
}

// patient returns ctx with the limit, and what frees it.
func patient(ctx context.Context, limit func(context.Context) (context.Context, context.CancelFunc)) (context.Context, context.CancelFunc) {
	p := &patience{Context: ctx, limit: limit}
	return p, p.end
}

// Done implements [context.Context].
func (p *patience) Done() <-chan struct{} { return p.begun().Done() }

// Err implements [context.Context].
func (p *patience) Err() error { return p.current().Err() }

// Deadline implements [context.Context].
func (p *patience) Deadline() (time.Time, bool) { return p.begun().Deadline() }

// Value implements [context.Context]. Contexts ask it who ends them.
func (p *patience) Value(key any) any { return p.current().Value(key) }

func (p *patience) begun() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		p.inner, p.cancel = p.limit(p.Context)
	}
	return p.inner
}

func (p *patience) current() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner == nil {
		return p.Context
	}
	return p.inner
}

func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inner != nil {
		p.cancel()
	}
}
