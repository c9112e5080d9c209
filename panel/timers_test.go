package panel_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Sweeper sweeps once a day.
type Sweeper struct {
	_ service.Name `service:"sweeper"`

	Entrypoints struct {
		Sweep timer.Cron `timer:"0 3 * * *" tz:"Europe/Madrid"`
	}

	swept chan struct{}
}

// Sweep is called by the timer.
func (s *Sweeper) Sweep(context.Context) error {
	s.swept <- struct{}{}
	return nil
}

// TestTimers pauses, resumes and runs a timer and a periodic job, on both brokers.
func TestTimers(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		jobs := newStore(t, "sqlite")
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri}), Jobs: jobs}, nil, "")
		s.user("root")
		s.user("viewer", "operations/timers")
		root := s.as("root")
		root.get("/operations/timers").want(http.StatusOK, "No timers")
		sweeper := &Sweeper{swept: make(chan struct{}, 10)}
		host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, sweeper, service.Configure(fleet.Timers()))
		x := payloads[0]
		for _, p := range []store.Periodic{
			{Service: "indexer", Name: "index", Field: "Index", Queue: "q", Schedule: "0 4 * * *", Zone: "UTC", Missed: "once", Overlap: "skip"},
			{Service: x, Name: x, Field: x, Queue: x, Schedule: x, Zone: x, Missed: "once", Overlap: "skip"},
		} {
			if err := jobs.Register(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		root.finally("/operations/timers", "sweeper.Sweep 0 3 * * * Europe/Madrid").harmless().want(http.StatusOK, "indexer.Index Job index 0 4 * * * UTC just now").want(http.StatusOK, "runs Run now")
		s.as("viewer").finally("/operations/timers?q=SWEEP", "sweeper.Sweep").lacks("Run now")
		s.as("viewer").post("/operations/timers/run", form("service", "sweeper", "row", "Sweep")).want(http.StatusForbidden, "operations/timers/change")
		select {
		case <-sweeper.swept:
			t.Error("it ran for somebody who may not")
		default:
		}
		for _, what := range [][]string{{"service", "sweeper", "row", "Sweep"}, {"service", "indexer", "row", "Index", "job", "index"}} {
			name := what[1] + "." + what[3]
			for verb, says := range map[string]string{"run": " runs now.", "pause": " is paused.", "resume": " is resumed."} {
				root.post("/operations/timers/"+verb, form(what...)).leadsTo("/operations/timers")
				root.get("/operations/timers").want(http.StatusOK, name+says)
			}
			root.post("/operations/timers/pause", form(what...)).leadsTo("/operations/timers")
			root.finally("/operations/timers?q="+what[1], "paused Run now "+name+" Resume")
			if got := s.audit("timer.pause"); len(got) == 0 || !slices.Contains([]string{"root " + name + " map[job:]", "root " + name + " map[job:index]"}, got[0]) {
				t.Errorf("got %q", got)
			}
		}
		hosttest.Receive(t, "the sweep", sweeper.swept)
		root.get("/operations/timers?q=indexer").want(http.StatusOK, "queued")
		root.post("/operations/timers/run", form("service", "sweeper", "row", x)).want(http.StatusNotFound, "There is no such timer")
		root.post("/operations/timers/run", form("service", "indexer", "row", "Index", "job", x)).want(http.StatusNotFound, "There is no such job")

		hosttest.Close(t, host.Stop)
		root.post("/operations/timers/run", form("service", "sweeper", "row", "Sweep")).leadsTo("/operations/timers")
		root.get("/operations/timers").want(http.StatusOK, "none has answered")
	})
}
