package broker

import (
	"sync"
	"sync/atomic"
)

// An alarm counts the memory of messages. While it exceeds the limit, publishers wait.
type alarm struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Bool // a publisher waits

	mu      sync.Mutex
	cleared chan struct{} // closed when the alarm ends; nil if no publisher waits
}

// isOn reports whether messages exceed the limit.
func (a *alarm) isOn() bool { return a.used.Load() > a.limit }

// add counts n bytes more, or fewer if n is negative.
func (a *alarm) add(n int64) {
	if used := a.used.Add(n); n < 0 && used <= a.limit-a.limit/8 && a.waiting.Load() {
		a.clear()
	}
}

// clear wakes the waiting publishers.
func (a *alarm) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cleared != nil {
		close(a.cleared)
		a.cleared = nil
	}
	a.waiting.Store(false)
}

// wait returns nil if there is memory. Otherwise it returns a channel that is closed when an eighth
// of the limit is free.
func (a *alarm) wait() <-chan struct{} {
	if a.used.Load() <= a.limit {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting.Store(true) // before the second check: add checks in the other order
	if a.used.Load() <= a.limit {
		return nil
	}
	if a.cleared == nil {
		a.cleared = make(chan struct{})
	}
	return a.cleared
}
