package timer

import (
	"math/rand/v2"
	"time"
)

// A schedule is when the ticks of a timer are: the nth is due n intervals after the start, which no call can move.
type schedule struct {
	interval time.Duration
	jitter   time.Duration // below interval; 0 is none
	eager    bool          // there is a tick 0
	catchUp  bool          // late ticks are not skipped

	start time.Time
	n     int64 // the tick that is next, or that runs
}

// begin starts at now, and returns when the first tick is to fire.
func (s *schedule) begin(now time.Time) time.Time {
	s.start = now
	if !s.eager {
		s.n = 1
	}
	return s.fires()
}

// next goes on to the next tick, and returns when it is to fire, which may have passed if late ones are caught up,
// and how many were skipped.
func (s *schedule) next(now time.Time) (at time.Time, skipped int64) {
	s.n++
	at = s.fires()
	if s.catchUp || !at.Before(now) {
		return at, 0
	}
	first := int64((now.Sub(s.start) + s.interval - 1) / s.interval) // which is not late even without jitter
	skipped = first - s.n
	s.n = first
	return s.fires(), skipped
}

// due is when the tick is due.
func (s *schedule) due() time.Time { return s.start.Add(time.Duration(s.n) * s.interval) }

// fires is when a tick is to be fired that is due then.
func (s *schedule) fires() time.Time {
	at := s.due()
	if s.jitter > 0 {
		at = at.Add(rand.N(s.jitter))
	}
	return at
}
