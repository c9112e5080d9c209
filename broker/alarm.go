package broker

import (
	"sync"
	"sync/atomic"
)

// An alarm counts the memory that messages take, and goes off when it is more than a
// limit: who publishes then has to wait until some of it is free again.
type alarm struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Bool // somebody is

	mu      sync.Mutex
	cleared chan struct{} // closed when the alarm is over; nil if nobody waits
}

// isOn reports whether messages take too much memory.
func (a *alarm) isOn() bool { return a.used.Load() > a.limit }

// add counts memory, or gives it back if n is negative.
func (a *alarm) add(n int64) {
	if used := a.used.Add(n); n < 0 && used <= a.limit-a.limit/8 && a.waiting.Load() {
		a.clear()
	}
}

// clear lets those go on who wait.
func (a *alarm) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cleared != nil {
		close(a.cleared)
		a.cleared = nil
	}
	a.waiting.Store(false)
}

// wait returns nil when there is memory, else what is closed as soon as an eighth of the
// limit is free.
func (a *alarm) wait() <-chan struct{} {
	if a.used.Load() <= a.limit {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting.Store(true) // before looking again: who frees memory looks in the other order
	if a.used.Load() <= a.limit {
		return nil
	}
	if a.cleared == nil {
		a.cleared = make(chan struct{})
	}
	return a.cleared
}
