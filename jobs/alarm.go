package jobs

import (
	"context"
	"sync"
	"time"
)

// An alarm wakes the sweeper of a process when a job is due that this process has scheduled. Such a
// job need not wait for the next regular sweep.
type alarm struct {
	mu  sync.Mutex
	at  time.Time     // of the next sweep that was asked for; zero means none
	set chan struct{} // holds a token if at has changed
}

func newAlarm() *alarm { return &alarm{set: make(chan struct{}, 1)} }

// in asks for a sweep after d. A later time than the one already set need not be kept: the job is
// in the store, and each sweep finds out when the next job is due.
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

// left returns the time until the alarm rings, if it is set.
func (a *alarm) left() (d time.Duration, set bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Until(a.at), !a.at.IsZero()
}

// wait waits for a pause, or until the alarm rings, and reports which. Afterwards the alarm is no
// longer set. wait returns false if ctx ends.
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
