package ticks

import "time"

// Missed says what happens to missed ticks. A tick is missed if it is late because no process could
// make its call, because the previous call had not ended, or because the clock was set.
type Missed string

// Values of the tag key missed.
const (
	MissedOnce Missed = "once"
	MissedAll  Missed = "all"
	MissedSkip Missed = "skip"
)

const (
	// punctual is how late a tick may be without being missed. If a process dies silently, another
	// one takes over after two heartbeats.
	punctual = 3 * time.Minute

	// Most limits how many missed ticks are called with MissedAll. Earlier ones are skipped.
	Most = 1000

	// maxCounted limits how many skipped ticks of a cron expression are counted one by one.
	maxCounted = 100_000
)

// due returns the tick to call at now: see [Plan.Due].
func (m Missed) due(s Schedule, last, now time.Time) (tick time.Time, skipped int) {
	tick = s.Next(last)
	if tick.After(now) {
		return tick, 0
	}
	keep := 1 // number of due ticks to keep
	if m == MissedAll {
		keep = Most
	}
	if d, ok := s.(Every); ok { // computed, because there may be years of ticks
		skipped = max(0, int(now.Sub(tick)/time.Duration(d))+1-keep)
		tick = tick.Add(time.Duration(skipped) * time.Duration(d))
	} else {
		tick, skipped = skip(s, tick, now, keep)
	}
	if following := s.Next(tick); m == MissedSkip && now.Sub(tick) > min(punctual, following.Sub(tick)/2) {
		return following, skipped + 1
	}
	return tick, skipped
}

// skip goes through the ticks of a schedule, starting with one that is due. It returns the earliest
// of the last keep ticks that are due, and the number of ticks before it. That number is too low if
// it is more than maxCounted.
func skip(s Schedule, tick, now time.Time, keep int) (time.Time, int) {
	kept := []time.Time{tick}
	skipped := 0
	for next := s.Next(tick); !next.After(now); next = s.Next(next) {
		if len(kept) == keep {
			kept = kept[1:]
			if skipped++; skipped == maxCounted {
				tick, n := last(s, now, keep)
				return tick, skipped + n
			}
		}
		kept = append(kept, next)
	}
	return kept[0], skipped
}

// last returns the earliest of the last keep ticks until now, and how many ticks it has seen before
// it. It looks back further and further, and the schedule must have as many ticks.
func last(s Schedule, now time.Time, keep int) (time.Time, int) {
	for back := time.Hour; ; back *= 4 {
		var seen []time.Time
		for next := s.Next(now.Add(-back)); !next.After(now); next = s.Next(next) {
			seen = append(seen, next)
		}
		if n := len(seen) - keep; n >= 0 {
			return seen[n], n
		}
	}
}
