package ticks

import "time"

// Missed says what to do about missed ticks: those that are late because no process could make
// their call, because the previous call had not ended, or because the clock was set.
type Missed string

// The values of the tag key missed.
const (
	MissedOnce Missed = "once"
	MissedAll  Missed = "all"
	MissedSkip Missed = "skip"
)

const (
	// punctual is how late a tick may be and still not be missed: another process takes over from
	// one that died without a word after two heartbeats.
	punctual = 3 * time.Minute

	// Most is how many missed ticks are called with MissedAll. Earlier ones are skipped.
	Most = 1000

	// maxCounted is how many skipped ticks of a cron expression are counted before its ticks are
	// not gone through one by one any more.
	maxCounted = 100_000
)

// due returns the tick to call at now: see [Plan.Due].
func (m Missed) due(s Schedule, last, now time.Time) (tick time.Time, skipped int) {
	tick = s.Next(last)
	if tick.After(now) {
		return tick, 0
	}
	keep := 1 // of those that are due
	if m == MissedAll {
		keep = Most
	}
	if d, ok := s.(Every); ok { // there may be years of them
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

// skip goes through the ticks of a schedule from one that is due, and returns the earliest of the
// last keep that are due, with the number of those before it.
func skip(s Schedule, tick, now time.Time, keep int) (time.Time, int) {
	kept := []time.Time{tick}
	skipped := 0
	for next := s.Next(tick); !next.After(now); next = s.Next(next) {
		if len(kept) == keep {
			kept = kept[1:]
			if skipped++; skipped == maxCounted {
				next = s.Next(now.Add(-time.Hour))
			}
		}
		kept = append(kept, next)
	}
	return kept[0], skipped
}
