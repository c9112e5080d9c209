package soak_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

// A job that kills each process that runs it is among others. It fails as a suspect after it has
// killed three processes. The others, many of which are running at the same time, are completed.
func TestJobKiller(t *testing.T) {
	eachStore(t, func(t *testing.T, s *store.Store, url string) {
		const many = 60
		uri := brokertest.Embedded(t)
		client := newEnqueuer(t, uri, s).Client("labor")
		for id := range many {
			if id == many/2 {
				if _, err := client.Enqueue(t.Context(), "explode", jobs.ID("bomb")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := client.Enqueue(t.Context(), "work", id, 200, jobs.ID(strconv.Itoa(id))); err != nil {
				t.Fatal(err)
			}
		}
		l := newLabors(many)
		p := laborer(t, uri, "1s 3 "+url, l.tell)
		ended, checked := make(chan store.Job, 1), make(chan struct{})
		go func() {
			defer close(checked)
			j := hosttest.Poll(func() (j store.Job, ok bool) {
				all, err := s.Get(t.Context(), "bomb")
				if err != nil || len(all) == 0 {
					return j, false
				}
				return all[0], all[0].State.Final()
			})
			ended <- j
			select {
			case <-l.done:
			case <-time.After(hosttest.Timeout):
			}
		}()
		if n := p.supervise(checked); n != 3 {
			t.Errorf("got %d processes ended, want 3", n)
		}
		if j := <-ended; j.State != store.Failed || j.ErrorType != store.Suspect || j.Deaths != 3 {
			t.Errorf("got %+v, want it failed as a suspect after 3 deaths", j)
		}
		if lost := l.lost(); len(lost) > 0 {
			all, _ := s.List(t.Context(), store.Filter{States: []store.State{store.Failed}})
			t.Errorf("got %d jobs not done: %d; failed are %+v", len(lost), lost, all)
		}
		p.wait()
		p.stop()
	})
}
