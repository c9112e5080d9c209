package timer_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// lasts makes call n take the nth number of seconds, and later calls no time.
func lasts(list ...int) func(context.Context, int) error {
	return func(_ context.Context, n int) error {
		if n <= len(list) {
			<-time.After(time.Duration(list[n-1]) * time.Second)
		}
		return nil
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, row string
		act       func(context.Context, int) error
		due       []time.Duration
		began     []time.Duration // nil means as due
		skipped   string          // what is logged
	}{
		{name: "from an interval on", row: "Plain", due: seconds(60, 120, 180, 240, 300, 360, 420, 480, 540)},
		{name: "eager", row: "Eager", due: seconds(0, 60, 120, 180, 240, 300, 360, 420, 480, 540)},
		{
			name: "slow, but in time", row: "Plain", act: lasts(59, 30, 1, 59),
			due: seconds(60, 120, 180, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "as long as the interval", row: "Plain", act: lasts(60, 60, 60),
			due: seconds(60, 120, 180, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "late by default", row: "Plain", act: lasts(61),
			due:   seconds(60, 120, 180, 240, 300, 360, 420, 480, 540),
			began: seconds(60, 121, 180, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "several late by default", row: "Plain", act: lasts(200), skipped: "skipped=2",
			due:   seconds(60, 240, 300, 360, 420, 480, 540),
			began: seconds(60, 260, 300, 360, 420, 480, 540),
		},
		{
			name: "a little late, skip", row: "Skip", act: lasts(200), skipped: "skipped=2",
			due:   seconds(0, 180, 240, 300, 360, 420, 480, 540),
			began: seconds(0, 200, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "late, skip", row: "Skip", act: lasts(211), skipped: "skipped=3",
			due: seconds(0, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "always late, skip", row: "Skip", act: lasts(91, 91, 91, 91, 91), skipped: "skipped=1",
			due: seconds(0, 120, 240, 360, 480),
		},
		{
			name: "late, catch up", row: "CatchUp", act: lasts(200),
			due:   seconds(0, 60, 120, 180, 240, 300, 360, 420, 480, 540),
			began: seconds(0, 200, 200, 200, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "late for a while, catch up", row: "CatchUp", act: lasts(90, 90, 20, 20, 0),
			due:   seconds(0, 60, 120, 180, 240, 300, 360, 420, 480, 540),
			began: seconds(0, 90, 180, 200, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "always late, catch up", row: "CatchUp", act: lasts(90, 90, 90, 90, 90, 90, 90),
			due:   seconds(0, 60, 120, 180, 240, 300, 360),
			began: seconds(0, 90, 180, 270, 360, 450, 540),
		},
		{
			name: "overlap, allow", row: "Allow", act: lasts(150, 150, 150),
			due: seconds(60, 120, 180, 240, 300, 360, 420, 480, 540),
		},
		{
			name: "overlap, queue", row: "Queue", act: lasts(150, 10),
			due:   seconds(60, 120, 180, 240, 300, 360, 420, 480, 540),
			began: seconds(60, 210, 220, 240, 300, 360, 420, 480, 540),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tw := &tower{act: tc.act}
				told := ""
				missed := func(r *service.Row, n int) { told = fmt.Sprintf("skipped=%d", n) }
				c, log := start(t, tw, tc.row, service.Config{}, service.Configure(service.Observer{TicksMissed: missed}))
				<-time.After(10*time.Minute - time.Second)
				stop(t, c)
				if tc.began == nil {
					tc.began = tc.due
				}
				same(t, "due", tw.due(), tc.due)
				same(t, "began", tw.began(), tc.began)
				if got := strings.Contains(log.String(), "missed ticks skipped"); got != (tc.skipped != "") || !strings.Contains(log.String(), tc.skipped) {
					t.Errorf("logged %s\nwant %q", log, tc.skipped)
				}
				if told != tc.skipped {
					t.Errorf("the observer was told %q, want %q", told, tc.skipped)
				}
			})
		})
	}
}

// An hour of ticks is exact, for a method that takes no Tick.
func TestHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tw := new(tower)
		c, _ := start(t, tw, "Untold", service.Config{})
		<-time.After(time.Hour + time.Second)
		stop(t, c)
		same(t, "began", tw.began(), every(time.Minute, 1, 60))
	})
}

// The duration of calls does not shift the schedule.
func TestNoDrift(t *testing.T) {
	t.Parallel()
	const ticks = 10_000
	synctest.Test(t, func(t *testing.T) {
		tw := &tower{act: func(_ context.Context, n int) error {
			<-time.After(time.Duration(n*n%7_000) * time.Microsecond)
			return nil
		}}
		c, _ := start(t, tw, "Fine", service.Config{})
		<-time.After(ticks*7*time.Millisecond + 6*time.Millisecond)
		stop(t, c)
		want := every(7*time.Millisecond, 1, ticks)
		if !slices.Equal(tw.began(), want) || !slices.Equal(tw.due(), want) {
			t.Errorf("got %d calls, the last at %v, want %d, each at its time", len(tw.began()), tw.began()[len(tw.began())-1], ticks)
		}
	})
}

// Jitter delays each tick independently.
func TestJitter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		row    string
		first  int
		jitter time.Duration
		act    func(context.Context, int) error
	}{
		{"Jitter", 1, 20 * time.Second, func(context.Context, int) error { <-time.After(40 * time.Second); return nil }},
		{"Shaky", 0, 59 * time.Second, nil},
	} {
		t.Run(tc.row, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const ticks = 500
				tw := &tower{act: tc.act}
				c, _ := start(t, tw, tc.row, service.Config{})
				<-time.After(time.Duration(tc.first+ticks) * time.Minute)
				stop(t, c)
				strikes := tw.strikes[:ticks]
				low, high := tc.jitter, time.Duration(0)
				for i, s := range strikes {
					if want := time.Duration(tc.first+i) * time.Minute; s.due != want {
						t.Fatalf("tick %d: got due at %v, want %v", i, s.due, want)
					}
					delay := s.began - s.due
					if delay < 0 || delay >= tc.jitter {
						t.Errorf("tick %d: got %v after its time, want less than %v", i, delay, tc.jitter)
					}
					low, high = min(low, delay), max(high, delay)
				}
				if low > tc.jitter/10 || high < tc.jitter*9/10 { // one run in 10^22 is beyond that
					t.Errorf("got delays from %v to %v, want them from 0 to %v", low, high, tc.jitter)
				}
			})
		})
	}
}

// A tick is late only after its jitter, so that fewer ticks are skipped than were due during the
// call.
func TestJitterSkips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tw := &tower{act: lasts(150)}
		c, _ := start(t, tw, "Jitter", service.Config{})
		<-time.After(10 * time.Minute)
		stop(t, c)
		first := tw.strikes[0].began + 150*time.Second // 3.5 to 3.8 minutes
		second := tw.strikes[1]
		if second.began < first || second.due < 3*time.Minute || second.due > 4*time.Minute {
			t.Errorf("got the second tick due at %v, run at %v, want the first one after %v", second.due, second.began, first)
		}
		for i, s := range tw.strikes[1:] {
			if want := second.due + time.Duration(i)*time.Minute; s.due != want {
				t.Errorf("got a tick due at %v, want %v", s.due, want)
			}
		}
	})
}
