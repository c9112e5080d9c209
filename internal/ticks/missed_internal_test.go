package ticks

import (
	"testing"
	"time"

	"github.com/gomeko/gomeko/timer/cron"
)

// TestMissed checks which tick each policy calls if the last one was called at noon.
func TestMissed(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	expression := func(text string) Schedule {
		s, err := cron.Parse(text, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name     string
		missed   Missed
		schedule Schedule
		now      time.Duration // after noon
		want     time.Duration // after noon
		skipped  int
	}{
		{"not due", MissedOnce, Every(time.Minute), 59 * time.Second, time.Minute, 0},
		{"due", MissedOnce, Every(time.Minute), time.Minute, time.Minute, 0},
		{"once", MissedOnce, Every(time.Minute), 10*time.Minute + time.Second, 10 * time.Minute, 9},
		{"all", MissedAll, Every(time.Minute), 10*time.Minute + time.Second, time.Minute, 0},
		{"all of too many", MissedAll, Every(time.Second), 2000*time.Second + 1, 1001 * time.Second, 1000},
		{"skip", MissedSkip, Every(time.Minute), 10*time.Minute + 31*time.Second, 11 * time.Minute, 10},
		{"skip, but the last is in time", MissedSkip, Every(time.Minute), 10*time.Minute + 30*time.Second, 10 * time.Minute, 9},
		{"clock set back", MissedAll, Every(time.Minute), -time.Hour, time.Minute, 0},
		{"cron, not due", MissedOnce, expression("*/5 * * * *"), time.Minute, 5 * time.Minute, 0},
		{"cron, once", MissedOnce, expression("*/5 * * * *"), 21 * time.Minute, 20 * time.Minute, 3},
		{"cron, all", MissedAll, expression("*/5 * * * *"), 21 * time.Minute, 5 * time.Minute, 0},
		{"cron, all of too many", MissedAll, expression("* * * * * *"), 2000*time.Second + 1, 1001 * time.Second, 1000},
		{"cron, skip", MissedSkip, expression("0 13 * * *"), 64 * time.Minute, 25 * time.Hour, 1},
		{"cron, skip, in time", MissedSkip, expression("0 13 * * *"), 63 * time.Minute, time.Hour, 0},
		{"cron, once, after a week", MissedOnce, expression("* * * * * *"), 168*time.Hour + 1, 168 * time.Hour, maxCounted + 3600 - 1},
		{"cron, all, after months", MissedAll, expression("* * * * *"), 149_760*time.Minute + 1, (149_760 - 999) * time.Minute, maxCounted + 64*60 - 1000},
		{"cron, all, after years", MissedAll, expression("0 * * * *"), 200_000*time.Hour + 1, (200_000 - 999) * time.Hour, maxCounted + 1024 - 1000},
	} {
		got, skipped := Plan{Schedule: c.schedule, Missed: c.missed}.Due(noon, noon.Add(c.now))
		if got.Sub(noon) != c.want || skipped != c.skipped {
			t.Errorf("%s: got the tick %s after noon and %d skipped, want %s and %d", c.name, got.Sub(noon), skipped, c.want, c.skipped)
		}
	}
}
