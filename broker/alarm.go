package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// An alarm counts the memory that clients take. It goes on when they take more than the limit, and
// off when an eighth of the limit is free. While it is on, few publishings are accepted.
type alarm struct {
	limit   int64
	resume  int64 // where the alarm goes off
	reserve int64 // up to here, publishings that help to free memory are accepted
	ceiling int64 // up to here, the bodies under way may grow
	used    atomic.Int64
	objects atomic.Int64 // of used: what is not a message
	parked  atomic.Int64 // of frames that wait until the alarm goes off; not part of used
	on      atomic.Bool

	mu      sync.Mutex
	blocked map[*conn]struct{} // the connections whose publishings wait
	look    *time.Timer        // wakes them regularly; nil while there are none
}

// lookEvery is how often blocked connections check whether they may publish for another reason than
// that the alarm went off.
const lookEvery = 50 * time.Millisecond

func newAlarm(limit, maxMessage int64) *alarm {
	return &alarm{
		limit: limit, resume: limit - limit/8, reserve: limit + limit/8, ceiling: limit + limit/8 + maxMessage,
		blocked: make(map[*conn]struct{}),
	}
}

// isOn reports whether publishings wait.
func (a *alarm) isOn() bool { return a.on.Load() || a.used.Load() > a.limit }

// isOver reports whether memory is so short that even what is under way must end.
func (a *alarm) isOver() bool { return a.total() > a.ceiling }

// total returns how many bytes clients take.
func (a *alarm) total() int64 { return a.used.Load() + a.parked.Load() }

// add counts n bytes more, or fewer if n is negative.
func (a *alarm) add(n int64) {
	used := a.used.Add(n)
	switch {
	case n > 0 && used > a.limit && !a.on.Load():
		a.update()
	case n < 0 && a.on.Load() && (used <= a.resume || used <= a.reserve && used-n > a.reserve):
		a.update()
	}
}

// update switches the alarm, and wakes the blocked connections if they may publish again.
func (a *alarm) update() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.used.Load() > a.limit {
		a.on.Store(true)
	}
	if a.used.Load() <= a.resume { // after on: add looks at them in the other order
		a.on.Store(false)
	}
	if a.used.Load() <= a.reserve {
		for c := range a.blocked {
			c.wake()
		}
	}
}

// block adds a connection to those that are woken when they may publish again.
func (a *alarm) block(c *conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blocked[c] = struct{}{}; len(a.blocked) == 1 {
		a.look = time.AfterFunc(lookEvery, a.wake)
	}
}

func (a *alarm) unblock(c *conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if delete(a.blocked, c); len(a.blocked) == 0 && a.look != nil {
		a.look.Stop()
		a.look = nil
	}
}

// wake wakes the blocked connections.
func (a *alarm) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.blocked {
		c.wake()
	}
	if a.look != nil {
		a.look.Reset(lookEvery)
	}
}
