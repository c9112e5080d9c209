package jobs

import (
	"context"
	"sync"
	"time"
)

// An alarm wakes the sweeper of a process when a job is due that the same process has scheduled:
// such a job does not wait for the next regular sweep.
type alarm struct {
	mu  sync.Mutex
	at  time.Time     // of the next sweep that is asked for; zero is none
	set chan struct{} // has a token if at has changed
}

func newAlarm() *alarm { return &alarm{set: make(chan struct{}, 1)} }

// in asks for a sweep when d has passed. The store has the job already, so that a later time than
// the one asked for need not be kept: each sweep finds out when the next job is due.
func (a *alarm) in(d time.Duration) {
	// SQLite's clock has milliseconds. A later job is found by a regular sweep long before.
	at := time.Now().Add(min(max(0, d), time.Hour) + time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && !at.Before(a.at) {
		return
	}
	a.at = at
	select {
	case a.set <- struct{}{}:
	default:
	}
}

// left returns how long it takes until the alarm rings, if it is set.
func (a *alarm) left() (d time.Duration, set bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Until(a.at), !a.at.IsZero()
}

// wait waits for a pause, or until the alarm rings, and reports which. The alarm is then not set.
// It returns false if ctx ends.
func (a *alarm) wait(ctx context.Context, pause time.Duration) (rang, ok bool) {
	regular := time.Now().Add(pause)
	for {
		d := time.Until(regular)
		left, set := a.left()
		if rang = set && left <= d; rang {
			d = left
		}
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
			if rang {
				a.mu.Lock()
				a.at = time.Time{}
				a.mu.Unlock()
			}
			return rang, ctx.Err() == nil
		case <-a.set:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false, false
		}
	}
}
