package periodic_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/jobs/store"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// TestDecide checks which jobs are due five and a half minutes after the last tick, with a tick
// each minute.
func TestDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		missed  ticks.Missed
		overlap ticks.Overlap
		change  func(p *store.Periodic)
		want    []int // minutes after noon
		skipped int
	}{
		{ticks.MissedOnce, ticks.OverlapSkip, nil, []int{5}, 4},
		{ticks.MissedOnce, ticks.OverlapAllow, nil, []int{5}, 4},
		{ticks.MissedAll, ticks.OverlapSkip, nil, []int{1}, 0},
		{ticks.MissedAll, ticks.OverlapAllow, nil, []int{1, 2, 3, 4, 5}, 0},
		{ticks.MissedAll, ticks.OverlapQueue, nil, []int{1, 2, 3, 4, 5}, 0},
		{ticks.MissedSkip, ticks.OverlapSkip, nil, []int{5}, 4},
		{ticks.MissedSkip, ticks.OverlapSkip, func(p *store.Periodic) { p.Now = p.Now.Add(time.Second) }, nil, 0},
		{ticks.MissedAll, ticks.OverlapAllow, func(p *store.Periodic) { p.Paused = true }, nil, 0},
		{ticks.MissedAll, ticks.OverlapSkip, func(p *store.Periodic) { p.Job, p.State = "x", store.Running }, nil, 0},
		{ticks.MissedAll, ticks.OverlapSkip, func(p *store.Periodic) { p.Job, p.State = "x", store.Scheduled }, nil, 0},
		{ticks.MissedAll, ticks.OverlapSkip, func(p *store.Periodic) { p.Job, p.State = "x", store.Failed }, []int{1}, 0},
		{ticks.MissedAll, ticks.OverlapSkip, func(p *store.Periodic) { p.Job = "pruned" }, []int{1}, 0},
		{ticks.MissedAll, ticks.OverlapAllow, func(p *store.Periodic) { p.Job, p.State = "x", store.Running }, []int{1, 2, 3, 4, 5}, 0},
		{ticks.MissedOnce, ticks.OverlapAllow, func(p *store.Periodic) { p.Now = noon.Add(-time.Hour) }, nil, 0},
	} {
		p := store.Periodic{
			Service: "reports", Name: "nightly", Queue: "q", Schedule: "* * * * *", Zone: "UTC", Missed: string(test.missed), Overlap: string(test.overlap),
			Last: noon, Now: noon.Add(5*time.Minute + 30*time.Second), Terms: store.Terms{Version: "v"},
		}
		if test.change != nil {
			test.change(&p)
		}
		plan, err := periodic.PlanOf(p)
		if err != nil {
			t.Fatal(err)
		}
		got := periodic.Decide(plan, p)
		var at []int
		resource := map[bool]string{true: "cron:reports.nightly"}[test.overlap == ticks.OverlapQueue]
		for _, j := range got.Jobs {
			var headers map[string]any
			if err := json.Unmarshal([]byte(j.Headers), &headers); err != nil {
				t.Fatal(err)
			}
			nominal, _ := periodic.Read(headers)
			at = append(at, int(nominal.Sub(noon)/time.Minute))
			if j.ID != periodic.ID("reports", "nightly", nominal) || j.Resource != resource || j.Version != "v" || len(headers) > 0 {
				t.Errorf("got %+v", j)
			}
		}
		if !slices.Equal(at, test.want) || got.Missed != test.skipped {
			t.Errorf("%+v: got jobs at %v and %d skipped, want %v and %d", p, at, got.Missed, test.want, test.skipped)
		}
	}
}

// TestID compares the id with the one that the documentation computes in Python.
func TestID(t *testing.T) {
	t.Parallel()
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 4, 4, 0, 0, madrid)
	if got, want := periodic.ID("reports", "nightly", at), "030704f6-1029-5133-b16e-c3c64ef18566"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
