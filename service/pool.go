package service

import (
	"bytes"
	"context"
	"runtime"
	"sync"
)

// maxIdle limits how many goroutines of a pool wait for work.
const maxIdle = 256

// A pool runs tasks in goroutines that it reuses. A goroutine that has run a call has already grown
// the stack that the next call needs, which is most of what a goroutine costs.
type pool struct {
	leaving sync.WaitGroup // idle goroutines that were told to end

	mu     sync.Mutex
	idle   []chan task
	closed bool
}

// A task is work for a pool. work receives the number of its goroutine as it appears in stack
// traces.
type task interface{ work(goroutine *string) }

// run runs t in a goroutine.
func (p *pool) run(t task) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		go p.loop(t)
		return
	}
	next := p.idle[last]
	p.idle = p.idle[:last]
	p.mu.Unlock()
	next <- t
}

// apart runs fn in another goroutine, and returns when it has ended. The error says that fn
// panicked or ended the goroutine.
func (p *pool) apart(fn func()) error {
	a := &aside{fn: fn, err: ErrExited, done: make(chan struct{})}
	p.run(a)
	<-a.done
	return a.err
}

// An aside is a function that apart runs.
type aside struct {
	fn   func()
	err  error
	done chan struct{} // closed when err is set
}

func (a *aside) work(*string) {
	defer close(a.done)
	defer func() {
		if p := recover(); p != nil {
			a.err = panicked(p)
		}
	}()
	a.fn()
	a.err = nil
}

// loop runs tasks in one of the goroutines, starting with t.
func (p *pool) loop(t task) {
	number, next := goroutine(), make(chan task, 1)
	for {
		t.work(&number)
		p.mu.Lock()
		if p.closed || len(p.idle) == maxIdle {
			p.mu.Unlock()
			return
		}
		p.idle = append(p.idle, next)
		p.mu.Unlock()
		if t = <-next; t == nil {
			p.leaving.Done()
			return
		}
	}
}

// close ends the idle goroutines now, and the others when they have done their work.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.leaving.Add(len(p.idle))
	for _, next := range p.idle {
		next <- nil
	}
	p.idle = nil
	p.mu.Unlock()
	p.leaving.Wait()
}

// goroutine returns the number of the goroutine that calls it.
func goroutine() string {
	head := make([]byte, 64)
	head = head[:runtime.Stack(head, false)]
	number, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("goroutine ")), []byte(" "))
	return string(number)
}

// spawn runs fn in a goroutine that Stop waits for.
func (c *Container) spawn(fn func(ctx context.Context)) {
	c.goroutines.add()
	c.pool.run(&errand{c, fn})
}

// An errand is a function that spawn runs.
type errand struct {
	container *Container
	fn        func(ctx context.Context)
}

func (e *errand) work(*string) {
	defer e.container.goroutines.done()
	e.fn(e.container.life)
}

// An activity counts goroutines. Unlike with a sync.WaitGroup, goroutines can be added during a
// wait, and a wait can end before they do.
type activity struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n is 0; nil if nobody waits
}

func (a *activity) add() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
}

func (a *activity) done() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n--
	if a.n == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// none reports whether all are done.
func (a *activity) none() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n == 0
}

// wait returns nil when all are done, or the cause of ctx's end.
func (a *activity) wait(ctx context.Context) error {
	a.mu.Lock()
	if a.n == 0 {
		a.mu.Unlock()
		return nil
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
