package timer

import (
	"math/rand/v2"
	"time"
)

// A schedule says when a timer ticks: tick n is due n intervals after the start.
type schedule struct {
	interval time.Duration
	jitter   time.Duration // below interval; 0 is none
	eager    bool          // tick 0 exists
	catchUp  bool          // late ticks are not skipped

	start time.Time
	n     int64 // the tick that is next or running
}

// begin sets the start, and returns the time of the first tick.
func (s *schedule) begin(now time.Time) time.Time {
	s.start = now
	if !s.eager {
		s.n = 1
	}
	return s.at()
}

// next advances to the next tick. It returns the tick's time and the number of skipped ticks. The
// time has passed if late ticks are not skipped.
func (s *schedule) next(now time.Time) (at time.Time, skipped int64) {
	s.n++
	at = s.at()
	if s.catchUp || !at.Before(now) {
		return at, 0
	}
	first := int64((now.Sub(s.start) + s.interval - 1) / s.interval) // the first tick that is not late
	skipped = first - s.n
	s.n = first
	return s.at(), skipped
}

// due returns when the current tick is due.
func (s *schedule) due() time.Time { return s.start.Add(time.Duration(s.n) * s.interval) }

// at returns the time of the current tick: when it is due, plus a random delay.
func (s *schedule) at() time.Time {
	at := s.due()
	if s.jitter > 0 {
		at = at.Add(rand.N(s.jitter))
	}
	return at
}
