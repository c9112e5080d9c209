package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// nightly is a periodic row.
var nightly = store.Periodic{
	Service: "reports", Name: "nightly", Field: "Nightly", Queue: "gomeko.jobs.reports", Schedule: "* * * * *", Zone: "UTC", Missed: "once", Overlap: "skip",
}

// register registers a row and returns it as stored.
func register(t *testing.T, s *store.Store, p store.Periodic) store.Periodic {
	t.Helper()
	if err := s.Register(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return listed(t, s)
}

// listed returns the only periodic row.
func listed(t *testing.T, s *store.Store) store.Periodic {
	t.Helper()
	all, err := s.Periodics(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("listed %+v, %v", all, err)
	}
	return all[0]
}

// minutely decides that each full minute is a tick, even while the last job runs.
func minutely(p store.Periodic) store.Tick {
	next := p.Last.Truncate(time.Minute).Add(time.Minute)
	if p.Paused || next.After(p.Now) {
		return store.Tick{}
	}
	id := fmt.Sprintf("nightly@%s", next.Format(time.RFC3339))
	return store.Tick{Last: next, Jobs: []store.New{{ID: id, Service: p.Service, Name: p.Name, Queue: p.Queue, Payload: []byte(`{}`)}}}
}

// TestTick lets five processes notice each tick: one of them inserts its job.
func TestTick(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		register(t, s, nightly)
		stores := []*store.Store{s}
		for len(stores) < 5 {
			stores = append(stores, again(t, s))
			stores[len(stores)-1].SetClock(`(SELECT now FROM gomeko_clock)`)
		}
		for range 20 {
			c.advance(t, 30*time.Second)
			ticked := make([]bool, len(stores))
			var wait sync.WaitGroup
			for i, s := range stores {
				wait.Go(func() {
					p, done, err := s.Tick(t.Context(), "reports", "nightly", minutely)
					if err != nil || p.Now.IsZero() {
						t.Errorf("got %+v, %v", p, err)
					}
					ticked[i] = len(done.Jobs) > 0
				})
			}
			wait.Wait()
			ticks := 0
			for _, yes := range ticked {
				if yes {
					ticks++
				}
			}
			if due := c.now.Second() == 0; ticks > 1 || due != (ticks == 1) {
				t.Errorf("at %s, %d processes have inserted the job", c.now.Format(time.TimeOnly), ticks)
			}
		}
		jobs, err := s.List(t.Context(), store.Filter{Service: "reports"})
		if err != nil || len(jobs) != 10 || jobs[0].ID != "nightly@2026-03-01T12:10:00Z" || jobs[9].ID != "nightly@2026-03-01T12:01:00Z" {
			t.Errorf("got %d jobs, %v", len(jobs), err)
		}
		if p := listed(t, s); p.Job != jobs[0].ID || p.State != store.Queued || !p.Waiting() || !p.Last.Equal(c.now) || !p.Now.Equal(c.now) {
			t.Errorf("got %+v", p)
		}
	})
}

// TestTickOnce makes a row forget that it has ticked: the id of the job is the second barrier.
func TestTickOnce(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		register(t, s, nightly)
		c.advance(t, time.Minute)
		for range 2 {
			if _, done, err := s.Tick(t.Context(), "reports", "nightly", minutely); err != nil || len(done.Jobs) != 1 {
				t.Fatalf("got %+v, %v", done, err)
			}
			back := func(store.Periodic) store.Tick { return store.Tick{Last: epoch} }
			if p, _, err := s.Tick(t.Context(), "reports", "nightly", back); err != nil || !p.Last.Equal(epoch) || p.Job == "" {
				t.Fatalf("got %+v, %v", p, err)
			}
		}
		if jobs, err := s.List(t.Context(), store.Filter{}); err != nil || len(jobs) != 1 {
			t.Errorf("got %d jobs, %v", len(jobs), err)
		}
	})
}

// TestTickFails has a tick whose job cannot be inserted: the tick is due again.
func TestTickFails(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		before := register(t, s, nightly)
		c.advance(t, time.Minute)
		_, _, err := s.Tick(t.Context(), "reports", "nightly", func(p store.Periodic) store.Tick {
			return store.Tick{Last: p.Now, Jobs: []store.New{{ID: "1"}}}
		})
		if err == nil {
			t.Error("a job without a name was inserted")
		}
		if p := listed(t, s); !p.Last.Equal(before.Last) || p.Job != "" {
			t.Errorf("got %+v", p)
		}
		if _, _, err := s.Tick(t.Context(), "reports", "weekly", minutely); !errors.Is(err, store.ErrNotPeriodic) {
			t.Errorf("got %v", err)
		}
	})
}

// TestRegister registers different versions of a row.
func TestRegister(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		first := register(t, s, nightly)
		if !first.Last.Equal(epoch) || first.Paused || first.Job != "" || first.Waiting() {
			t.Errorf("got %+v", first)
		}
		c.advance(t, time.Minute)
		if p := register(t, s, nightly); !p.Last.Equal(epoch) {
			t.Errorf("got %+v, registered again", p)
		}
		other := nightly
		other.Missed, other.Field, other.Queue, other.Terms.Resource = "all", "Night", "gomeko.jobs.reports.slow", "products"
		if p := register(t, s, other); !p.Last.Equal(epoch) || p.Missed != "all" || p.Field != "Night" || p.Queue != other.Queue || p.Terms != other.Terms {
			t.Errorf("got %+v, with another policy", p)
		}
		if p, err := s.Pause(t.Context(), "reports", "nightly", true); err != nil || !p.Paused {
			t.Errorf("got %+v, %v", p, err)
		}
		if _, done, err := s.Tick(t.Context(), "reports", "nightly", minutely); err != nil || len(done.Jobs) > 0 {
			t.Errorf("paused, got %+v, %v", done, err)
		}
		other.Schedule = "0 3 * * *"
		if p := register(t, s, other); !p.Last.Equal(c.now) || p.Schedule != other.Schedule || !p.Paused {
			t.Errorf("got %+v, with another schedule", p)
		}
		c.advance(t, -time.Minute) // the clock is set back
		other.Zone = "Europe/Madrid"
		if p := register(t, s, other); !p.Last.After(c.now) || p.Zone != other.Zone {
			t.Errorf("got %+v, with another zone", p)
		}
		if p, err := s.Pause(t.Context(), "reports", "nightly", false); err != nil || p.Paused {
			t.Errorf("got %+v, %v", p, err)
		}
		if _, err := s.Pause(t.Context(), "reports", "weekly", true); !errors.Is(err, store.ErrNotPeriodic) {
			t.Errorf("got %v", err)
		}
		if err := s.Forget(t.Context(), "reports", "nightly"); err != nil {
			t.Error(err)
		}
		if all, err := s.Periodics(t.Context()); err != nil || len(all) > 0 {
			t.Errorf("got %+v, %v, forgotten", all, err)
		}
		if err := s.Forget(t.Context(), "reports", "nightly"); !errors.Is(err, store.ErrNotPeriodic) {
			t.Errorf("got %v, forgotten twice", err)
		}
		if p := register(t, s, nightly); !p.Last.Equal(c.now) {
			t.Errorf("got %+v, registered anew", p)
		}
	})
}
