package service

import (
	"container/list"
	"context"
	"sync"
)

// Lend releases the worker of the call that ctx belongs to while its method waits for another call.
// The returned function takes one back, and blocks until one is free:
//
//	defer service.Lend(ctx)()
//
// Without it, services that call themselves or one another deeper than they have workers would wait
// until their deadlines. Calls that take their worker back come before calls that have not begun.
// If the call has ended, the returned function does not wait.
//
// If several goroutines of a method lend, the worker is lent until the last of them has taken it
// back. Outside of a call, Lend does nothing. rpc.Client calls Lend; call it yourself in code that
// waits for other calls in another way.
func Lend(ctx context.Context) (back func()) {
	c, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return func() {}
	}
	c.lend()
	return c.takeBack
}

// A tenure says whether a run has its workers: that of the service and, if the row has max_workers,
// that of the row.
type tenure struct {
	mu sync.Mutex

	stage stage
	users int32 // who needs the workers: Run, and each attempt of the method
	lends int32 // how many goroutines of the method are in Lend
	idle  bool  // as the watcher was told
	over  bool  // Run has returned: the watcher is not called any more
}

type stage uint8

const (
	without stage = iota
	holding
	lent
	returning // lent, and waiting to get them back
)

func (c *run) lend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lends++
	if c.stage == holding {
		c.lendAll()
	}
}

// takeBack ends a lend.
func (c *run) takeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lends--
	if c.lends > 0 || c.stage != lent {
		return
	}
	c.stage = returning
	c.tell(false)
	c.mu.Unlock()
	for _, s := range c.row.workers {
		s.takeBack(c.Done())
	}
	c.mu.Lock()
	switch {
	case c.users == 0: // the method has returned, and left this goroutine running
		for _, s := range c.row.workers {
			s.release()
		}
		c.stage = without
	case c.lends > 0:
		c.lendAll()
	default:
		c.stage = holding
	}
}

// lendAll lends the workers. The caller holds mu.
func (c *run) lendAll() {
	for _, s := range c.row.workers {
		s.lend()
	}
	c.stage = lent
	c.tell(true)
}

// leave ensures that the watcher is not called any more.
func (c *run) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(false)
	c.over = true
}

func (c *run) setIdle(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(on)
}

// tell tells the watcher whether the call is idle. The caller holds mu.
func (c *run) tell(idle bool) {
	if w := c.request.Watcher; w != nil && c.idle != idle && !c.over {
		c.idle = idle
		w.Idle(idle)
	}
}

// notBegun returns the error of a call that did not get a worker.
func (c *run) notBegun() error {
	select {
	case <-c.request.Withdrawn:
		if c.Err() == nil {
			return errWithdrawn
		}
	default:
	}
	return c.timedOut(context.Cause(c))
}

// A semaphore holds the workers of a service, or of a row with max_workers. A call holds one while
// it runs. Unlike a channel, a semaphore tracks workers that are lent, and has two queues.
type semaphore struct {
	size int

	mu sync.Mutex

	held   int           // may be over size for a moment, by calls that are over
	lent   int           // by calls that will take them back
	back   list.List     // of chan struct{}: calls that wait to take one back
	begin  list.List     // calls that wait to begin: they come after those
	closed chan struct{} // not nil: no call begins any more; closed when no call is left
}

func newSemaphore(size int) *semaphore { return &semaphore{size: size} }

// tryAcquire takes a worker for a call that begins, if one is free. A worker is free only if no
// call waits for one.
func (s *semaphore) tryAcquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held >= s.size || s.closed != nil {
		return false
	}
	s.held++
	return true
}

// acquire takes a worker for a call that begins. It returns false if done or withdrawn is closed
// before one is free.
func (s *semaphore) acquire(done, withdrawn <-chan struct{}) bool {
	return s.wait(&s.begin, done, withdrawn)
}

// takeBack takes a worker for a call that has lent one. When done is closed, it takes one even if
// none is free.
func (s *semaphore) takeBack(done <-chan struct{}) {
	got := s.wait(&s.back, done, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent--
	if !got {
		s.held++
	}
}

func (s *semaphore) wait(queue *list.List, done, withdrawn <-chan struct{}) bool {
	s.mu.Lock()
	if s.held < s.size && (s.closed == nil || queue == &s.back) {
		s.held++
		s.mu.Unlock()
		return true
	}
	ready := make(chan struct{})
	place := queue.PushBack(ready)
	s.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-done:
	case <-withdrawn:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-ready: // at the last moment
		return true
	default:
		queue.Remove(place)
		return false
	}
}

// release releases a worker for good.
func (s *semaphore) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.next()
}

// lend releases a worker until takeBack or forget.
func (s *semaphore) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.lent++
	s.next()
}

// forget ends the claim of a call that has lent a worker, and will not take it back.
func (s *semaphore) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent--
	s.next()
}

// next gives a free worker to the first call that waits for one. The caller holds mu.
func (s *semaphore) next() {
	if s.closed != nil && s.held+s.lent == 0 {
		close(s.closed)
		return
	}
	if s.held >= s.size {
		return
	}
	queue := &s.back
	if queue.Len() == 0 && s.closed == nil {
		queue = &s.begin
	}
	if first := queue.Front(); first != nil {
		s.held++
		close(queue.Remove(first).(chan struct{}))
	}
}

// calls returns how many calls hold a worker or have lent one.
func (s *semaphore) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held + s.lent
}

// close lets no call begin any more, and returns when none is left, or ctx ends.
func (s *semaphore) close(ctx context.Context) {
	s.mu.Lock()
	if s.closed == nil {
		s.closed = make(chan struct{})
		s.next()
	}
	s.mu.Unlock()
	select {
	case <-s.closed:
	case <-ctx.Done():
	}
}
