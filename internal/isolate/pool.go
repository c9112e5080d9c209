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
	firstDelay = 10 * time.Millisecond // before a child is replaced whose predecessor died, too
	maxDelay   = 5 * time.Second
	idleTime   = time.Minute // after which a child ends that is not needed
	startTime  = time.Minute // how long a child may take to start
)

// A pool has the children of one row. It is the row's Isolator.
type pool struct {
	*Server
	row   *service.Row
	limit int // how many children there are at most

	mu       sync.Mutex
	all      map[*process]bool
	idle     []*process // the last one was used last
	starting int
	waiting  []chan taken // calls
	failures int          // starts and children that failed since a call has succeeded
	failure  error        // of the last start, nil if it succeeded
	closed   bool
	quit     chan struct{} // closed with closed
	starts   sync.WaitGroup
}

// A taken is a child for a call, or why there is none.
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

// take returns a child that nobody uses, and waits for one if need be.
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
	case t := <-ready: // at the last moment
		if t.process != nil {
			p.put(t.process)
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// put gives a child back whose call has ended.
func (p *pool) put(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all[c] { // it has ended meanwhile
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

// deliver gives a child to a call that waits. The caller holds mu.
func (p *pool) deliver(t taken) bool {
	if len(p.waiting) == 0 {
		return false
	}
	first := p.waiting[0]
	p.waiting = p.waiting[1:]
	first <- t
	return true
}

// dismiss ends a child that is idle, unless it is the only one.
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

// succeeded notes that a call has ended in order: children are replaced without a delay.
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

// grow starts children: one for each call that waits, and a spare one. The caller holds mu.
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

// noted adds a child that has not ended yet. The caller holds mu.
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

// failed logs that a child could not start. Calls that wait fail if there is no other child. The
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

// stop ends the children in order, and returns when they have ended. Those that have not when ctx
// ends are killed.
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

// close lets no child be taken any more, and returns all.
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
