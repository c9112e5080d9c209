package timer

import (
	"fmt"
	"time"

	"github.com/gomeko/gomeko/timer/cron"
)

// A schedule says when a timer ticks.
type schedule interface {
	// Next returns the first tick after t.
	Next(t time.Time) time.Time
	String() string
}

// every ticks at a fixed interval, from the time that Next is given.
type every time.Duration

func (d every) Next(t time.Time) time.Time { return t.Add(time.Duration(d)) }
func (d every) String() string             { return time.Duration(d).String() }

var (
	_ schedule = every(0)
	_ schedule = (*cron.Schedule)(nil)
)

// A policy says what to do about missed ticks: those that are late because no process held the
// token, because the previous call had not ended, or because the clock was set.
type policy string

const (
	missedOnce policy = "once"
	missedAll  policy = "all"
	missedSkip policy = "skip"
)

const (
	// punctual is how late a tick may be and still not be missed: another process takes over from one
	// that died without a word after two heartbeats.
	punctual = 3 * time.Minute

	// maxMissed is how many missed ticks are called with the policy all. Earlier ones are skipped.
	maxMissed = 1000

	// maxCounted is how many skipped ticks of a cron expression are counted before its ticks are not
	// gone through one by one any more.
	maxCounted = 100_000
)

// due returns the tick to call at now, and how many ticks before it are skipped, given the last
// tick that was called. The tick is in the future if none is due.
func (p policy) due(s schedule, last, now time.Time) (tick time.Time, skipped int) {
	tick = s.Next(last)
	if tick.After(now) {
		return tick, 0
	}
	keep := 1 // of those that are due
	if p == missedAll {
		keep = maxMissed
	}
	if d, ok := s.(every); ok { // there may be years of them
		skipped = max(0, int(now.Sub(tick)/time.Duration(d))+1-keep)
		tick = tick.Add(time.Duration(skipped) * time.Duration(d))
	} else {
		tick, skipped = skip(s, tick, now, keep)
	}
	if following := s.Next(tick); p == missedSkip && now.Sub(tick) > min(punctual, following.Sub(tick)/2) {
		return following, skipped + 1
	}
	return tick, skipped
}

// skip goes through the ticks of a schedule from one that is due, and returns the earliest of the
// last keep that are due, with the number of those before it.
func skip(s schedule, tick, now time.Time, keep int) (time.Time, int) {
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

// parsePolicy parses the value of the tag key missed.
func parsePolicy(text string) (policy, error) {
	switch p := policy(text); p {
	case "":
		return missedOnce, nil
	case missedOnce, missedAll, missedSkip:
		return p, nil
	}
	return "", fmt.Errorf(`missed %q is unknown: write missed:"once", missed:"all" or missed:"skip"`, text)
}
