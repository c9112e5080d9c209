package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestHosted writes rows of workers, and reads them.
func TestHosted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		row := func(name, queue string, sensitive bool) store.Row {
			return store.Row{Service: "images", Name: name, Queue: queue, Sensitive: sensitive}
		}
		for _, rows := range [][]store.Row{
			nil,
			{row("resize", "q", true), row("cut", "q", false)},
			{row("crop", "q", true), row("resize", "slow", false)},
			{row("resize", "slow", true)},
		} {
			report(t, s.Host(t.Context(), rows...))
		}
		want := []store.Row{row("crop", "q", true), row("cut", "q", false), row("resize", "slow", true)}
		want[2].Former = "q"
		if got, err := s.Hosted(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}

// TestMove moves the jobs of a row to another queue: those that wait, and those whose hook is due.
func TestMove(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		add := func(id, name, queue string, change func(*store.New)) {
			n := store.New{ID: id, Service: "images", Name: name, Queue: queue}
			if change != nil {
				change(&n)
			}
			_, err := s.Insert(t.Context(), n)
			report(t, err)
		}
		in := func(n *store.New) { n.In = time.Hour }
		add("runs", "resize", "old", nil)
		_, err := s.Claim(t.Context(), store.Claim{Owner: "ann", Queue: "old", Limit: 1, Lease: time.Minute})
		report(t, err)
		add("hook", "resize", "old", nil)
		_, err = s.Cancel(t.Context(), "hook")
		report(t, err)
		add("queued", "resize", "old", nil)
		add("scheduled", "resize", "old", in)
		add("crop", "crop", "old", nil)
		add("other name", "cut", "old", nil)
		add("other queue", "resize", "third", nil)
		add("other service", "resize", "old", func(n *store.New) { n.Service = "films" })
		for _, want := range []int{4, 0} {
			if n, err := s.Move(t.Context(), "images", "old", "new", "resize", "crop"); n != want || err != nil {
				t.Errorf("moved %d jobs, %v, want %d", n, err, want)
			}
		}
		var moved []string
		found, err := s.List(t.Context(), store.Filter{Queue: "new"})
		for _, j := range found {
			moved = append(moved, j.ID)
		}
		slices.Sort(moved)
		if want := []string{"crop", "hook", "queued", "scheduled"}; err != nil || !slices.Equal(moved, want) {
			t.Errorf("moved %q, %v, want %q", moved, err, want)
		}
		fill(t, s, 1200, "old")
		if n, err := s.Move(t.Context(), "images", "old", "new", "resize"); n != 1200 || err != nil {
			t.Errorf("moved %d jobs, %v, want 1200", n, err)
		}
	})
}
