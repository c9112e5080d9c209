package service

import (
	"bytes"
	"runtime"
	"sync"
)

// maxIdle is how many goroutines of a pool wait for work.
const maxIdle = 256

// A pool runs tasks in goroutines that it keeps. One that has run a call has grown the stack that the
// next call needs, and that is most of what a goroutine costs.
type pool struct {
	leaving sync.WaitGroup // idle goroutines that were told to end

	mu     sync.Mutex
	idle   []chan task
	closed bool
}

// A task is work for a pool. It is given the number of its goroutine, as stack traces write it.
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

// loop is one of the goroutines.
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

// close ends the idle goroutines, and the others when they have done their work.
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
