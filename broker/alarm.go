package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// An alarm tracks the memory that clients use. It turns on when they use more than the limit, and
// off when an eighth of the limit is free. While it is on, few publishings are accepted.
type alarm struct {
	limit   int64
	resume  int64 // where the alarm turns off
	reserve int64 // up to here, publishings that help to free memory are accepted
	ceiling int64 // up to here, bodies being received may grow
	used    atomic.Int64
	objects atomic.Int64 // part of used: everything but messages
	parked  atomic.Int64 // frames held until the alarm turns off; not part of used
	on      atomic.Bool

	mu      sync.Mutex
	blocked map[*conn]struct{} // the connections whose publishings wait
	look    *time.Timer        // wakes them periodically; nil while there are none
}

// lookEvery is how often blocked connections check whether they may publish although the alarm is
// still on.
const lookEvery = 50 * time.Millisecond

func newAlarm(limit, maxMessage int64) *alarm {
	return &alarm{
		limit: limit, resume: limit - limit/8, reserve: limit + limit/8, ceiling: limit + limit/8 + maxMessage,
		blocked: make(map[*conn]struct{}),
	}
}

// isOn reports whether publishings wait.
func (a *alarm) isOn() bool { return a.on.Load() || a.used.Load() > a.limit }

// isOver reports whether memory is so short that even messages being received must be given up.
func (a *alarm) isOver() bool { return a.total() > a.ceiling }

// total returns the number of bytes that clients use.
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

// update turns the alarm on or off, and wakes the blocked connections if they may publish again.
func (a *alarm) update() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.used.Load() > a.limit {
		a.on.Store(true)
	}
	if a.used.Load() <= a.resume { // after on: add reads them in the other order
		a.on.Store(false)
	}
	if a.used.Load() <= a.reserve {
		for c := range a.blocked {
			c.wake()
		}
	}
}

// block registers a connection to be woken when it may publish again.
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
