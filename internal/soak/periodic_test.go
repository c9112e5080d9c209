package soak_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Pulse has a job that runs each second.
type Pulse struct {
	_ service.Name `service:"pulse"`

	Entrypoints struct {
		Beat jobs.Job `jobs:"beat" cron:"* * * * * *" missed:"all" overlap:"allow"`
	}
}

func (*Pulse) Beat(_ context.Context, tick timer.Tick) error {
	_, err := fmt.Println(tick.Nominal.Unix())
	return err
}

// newPulse returns a module with Pulse.
func newPulse() any { return hostOfJobs(new(Pulse)) }

// TestSoakPeriodic has five processes enqueue and run a job each second, while they are killed. No
// tick may be lost, and none may have two jobs.
func TestSoakPeriodic(t *testing.T) {
	many, pause := 10, time.Second
	if whole() {
		many = 120
	}
	eachStore(t, func(t *testing.T, s *store.Store, url string) {
		chance := chance(t)
		w := &tower{ticks: map[int64]int{}, more: make(chan struct{}, 1)}
		processes := make([]*process, 5)
		uri := brokertest.Embedded(t)
		for i := range processes {
			processes[i] = &process{t: t, role: "pulse", uri: uri, tell: w.tell, jobs: "5s -1 " + url}
			processes[i].start()
			t.Cleanup(processes[i].kill)
		}
		for _, p := range processes {
			p.wait()
		}
		kills := 0
		for w.count() < many {
			time.Sleep(time.Duration(chance.Int64N(int64(pause)))) // at any point between two ticks
			happen(nil, processes, chance, killProcess)
			kills++
		}
		for _, p := range processes {
			p.wait()
		}
		var rows []store.Job
		hosttest.Eventually(t, "all jobs have ended", func() bool {
			var err error
			rows, err = s.List(t.Context(), store.Filter{Service: "pulse", Limit: 10 * many})
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range rows[min(len(rows), 3):] { // the latest ones may not have ended yet
				if j.State != store.Succeeded {
					return false
				}
			}
			return true
		})
		for _, p := range processes {
			p.stop()
		}
		deaths, late := 0, time.Duration(0)
		for i, j := range rows {
			deaths += j.Deaths
			if i > 0 {
				late = max(late, rows[i-1].Created.Sub(j.Created))
			}
		}
		again := w.check(t)
		if again > deaths {
			t.Errorf("%d jobs ran again, but only %d workers died with one", again, deaths)
		}
		t.Logf("%d ticks, %d jobs, processes killed: %d; jobs that ran again: %d; longest time between two jobs: %s", w.count(), len(rows), kills, again, late)
	})
}
