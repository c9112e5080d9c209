package service

import (
	"container/list"
	"context"
	"sync"
)

// slots are the workers of a service, or of a row that is bounded: a call holds one while it runs.
type slots struct {
	size int

	mu sync.Mutex

	held   int           // may be over size for a moment, by calls that are over
	lent   int           // by calls that will come back for them
	back   list.List     // of chan struct{}: who waits to come back
	fresh  list.List     // who waits to begin: after those
	closed chan struct{} // nobody begins any more; closed when no call is left
}

func newSlots(size int) *slots { return &slots{size: size} }

// try takes a slot for a call that begins if one is free: nobody waits for one then.
func (s *slots) try() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held >= s.size || s.closed != nil {
		return false
	}
	s.held++
	return true
}

// take takes a slot for a call that begins, unless done is closed before one is free.
func (s *slots) take(done <-chan struct{}) bool { return s.wait(&s.fresh, done) }

// takeBack takes a slot for a call that had lent it. One that is over, as done says, need not wait.
func (s *slots) takeBack(done <-chan struct{}) {
	got := s.wait(&s.back, done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent--
	if !got {
		s.held++
	}
}

func (s *slots) wait(queue *list.List, done <-chan struct{}) bool {
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

// give gives a slot back, for good.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.next()
}

// lend gives a slot to others until takeBack or forgo.
func (s *slots) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	s.lent++
	s.next()
}

// forgo says that a slot which was lent is not needed again.
func (s *slots) forgo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent--
	s.next()
}

// next gives a free slot to whose turn it is; it is called with mu held.
func (s *slots) next() {
	if s.closed != nil && s.held+s.lent == 0 {
		close(s.closed)
		return
	}
	if s.held >= s.size {
		return
	}
	queue := &s.back
	if queue.Len() == 0 && s.closed == nil {
		queue = &s.fresh
	}
	if first := queue.Front(); first != nil {
		s.held++
		close(queue.Remove(first).(chan struct{}))
	}
}

// calls is how many hold a slot or have lent it.
func (s *slots) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held + s.lent
}

// close lets no call begin any more, and returns when none is left, or ctx ends.
func (s *slots) close(ctx context.Context) {
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
