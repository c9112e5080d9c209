package isolate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
)

const (
	firstDelay = 10 * time.Millisecond // before a child is started after the second failure in a row; doubled for each further one
	maxDelay   = 5 * time.Second
	idleTime   = time.Minute // how long a surplus child may be idle before it is ended
	startTime  = time.Minute // how long a child may take to start
)

// A pool holds the children of one row. It is the row's Isolator.
type pool struct {
	*Server
	row   *service.Row
	limit int // largest number of children

	mu       sync.Mutex
	all      map[*process]bool
	idle     []*process // the most recently used one is the last
	starting int
	waiting  []chan taken // one for each waiting call
	failures int          // failed starts and children since the last call that succeeded
	failure  error        // of the last start; nil if it succeeded
	closed   bool
	quit     chan struct{} // closed when closed is set
	starts   sync.WaitGroup
}

// A taken is a child for a call, or the reason why there is none.
type taken struct {
	process *process
	err     error
}

func newPool(s *Server, r *service.Row) *pool {
	p := &pool{Server: s, row: r, limit: r.Workers(), all: map[*process]bool{}, quit: make(chan struct{})}
	if r.Tag.Get("max_workers") == "" {
		p.limit = min(p.limit, max(4, 2*runtime.GOMAXPROCS(0)))
	}
	return p
}

// start starts the first child, and waits until it is ready.
func (p *pool) start(ctx context.Context) error {
	first := make(chan taken, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, first)
	p.grow()
	p.mu.Unlock()
	select {
	case t := <-first:
		if t.err != nil {
			return t.err
		}
		p.put(t.process)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("service %s: %s: its first process is not ready: %w", p.row.Service, p.row.Name, context.Cause(ctx))
	}
}

// take returns an idle child. It waits for one if there is none.
func (p *pool) take(ctx context.Context) (*process, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, service.ErrStopped
	}
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		p.grow()
		p.mu.Unlock()
		return c, nil
	}
	ready := make(chan taken, 1)
	p.waiting = append(p.waiting, ready)
	p.grow()
	p.mu.Unlock()
	select {
	case t := <-ready:
		return t.process, t.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(c chan taken) bool { return c == ready })
	p.mu.Unlock()
	select {
	case t := <-ready: // it was delivered at the last moment
		if t.process != nil {
			p.put(t.process)
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// put returns a child to the pool when its call has ended.
func (p *pool) put(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all[c] { // it has ended in the meantime
		return
	}
	if p.deliver(taken{process: c}) {
		return
	}
	p.idle = append(p.idle, c)
	if len(p.idle) > 1 && c.rest == nil {
		c.rest = time.AfterFunc(idleTime, func() { p.dismiss(c) })
	}
}

// deliver passes t to the first waiting call. It returns false if no call is waiting. The caller
// holds mu.
func (p *pool) deliver(t taken) bool {
	if len(p.waiting) == 0 {
		return false
	}
	first := p.waiting[0]
	p.waiting = p.waiting[1:]
	first <- t
	return true
}

// dismiss ends an idle child, unless it is the only idle one.
func (p *pool) dismiss(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.rest = nil
	i := slices.Index(p.idle, c)
	if i < 0 || len(p.idle) == 1 || p.closed {
		return
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	delete(p.all, c)
	c.close()
}

// succeeded records that a child completed a call, so children are replaced without a delay again.
func (p *pool) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = 0
}

// gone removes a child that has ended, and replaces it.
func (p *pool) gone(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.rest != nil {
		c.rest.Stop()
	}
	if !p.all[c] {
		return
	}
	delete(p.all, c)
	p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == c })
	p.failures++
	p.grow()
}

// grow starts children: one for each waiting call, and a spare one if none is idle. The caller
// holds mu.
func (p *pool) grow() {
	for !p.closed && len(p.all)+p.starting < p.limit && p.starting < len(p.waiting)+max(0, 1-len(p.idle)) {
		p.starting++
		delay := time.Duration(0)
		if p.failures > 1 {
			delay = min(maxDelay, firstDelay<<min(p.failures-2, 20))
		}
		p.starts.Go(func() { p.add(delay) })
	}
}

// add starts a child after a delay.
func (p *pool) add(delay time.Duration) {
	var c *process
	err := service.ErrStopped
	select {
	case <-p.quit:
	case <-time.After(delay):
		c, err = p.spawn(p)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	p.failure = err
	switch {
	case p.closed:
		if c != nil {
			c.kill()
		}
	case err != nil:
		p.failed(err)
	case p.noted(c):
		if !p.deliver(taken{process: c}) {
			p.idle = append(p.idle, c)
		}
	}
	p.grow()
}

// noted adds a child. It returns false if the child has ended already. The caller holds mu.
func (p *pool) noted(c *process) bool {
	select {
	case <-c.gone:
		p.failures++
		return false
	default:
		p.all[c] = true
		return true
	}
}

// failed logs that a child could not start. If there is no other child, the waiting calls fail. The
// caller holds mu.
func (p *pool) failed(err error) {
	p.failures++
	failure := &service.ProcessError{Service: p.row.Service, Row: p.row.Name, Reason: service.ProcessNotStarted, Detail: err.Error()}
	if p.ready.Load() {
		p.row.Logger().Error("isolated process not started", "err", err, "failures", p.failures)
	}
	for len(p.all) == 0 && p.deliver(taken{err: failure}) {
	}
}

// stop ends the children by closing their pipes, and returns when they have ended. It kills those
// that are left when ctx ends.
func (p *pool) stop(ctx context.Context) {
	all := p.close()
	for _, c := range all {
		c.close()
	}
	for _, c := range all {
		select {
		case <-c.gone:
		case <-ctx.Done():
			c.kill()
			<-c.gone
		}
	}
	p.starts.Wait()
}

// kill ends the children at once.
func (p *pool) kill() {
	for _, c := range p.close() {
		c.kill()
	}
}

// close closes the pool, so that no child can be taken, and returns all children.
func (p *pool) close() (all []*process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.quit)
	}
	for c := range p.all {
		if c.rest != nil {
			c.rest.Stop()
		}
		all = append(all, c)
	}
	for p.deliver(taken{err: service.ErrStopped}) {
	}
	return all
}

// Isolate runs a call in a child. It implements [service.Isolator].
func (p *pool) Isolate(ctx context.Context, call *service.IsolatedCall) (any, error) {
	logger := p.row.Host.Logger()
	f, codec, err := encodeCall(ctx, call, levelOf(ctx, logger), p.codecs)
	call.Release()
	if err == nil && len(f.body) > p.limits {
		err = &tooLargeError{len(f.body), p.limits}
	}
	if err != nil {
		return nil, fmt.Errorf("the call cannot be sent to its process: %w", err)
	}
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	o := &occupation{process: c, pool: p, call: call, ctx: ctx, codec: codec, outcome: make(chan frame, 1), stacks: make(chan string, 1)}
	return o.run(f)
}
