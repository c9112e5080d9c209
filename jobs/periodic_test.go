package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Reports has periodic jobs.
type Reports struct {
	_ service.Name `service:"reports"`

	Entrypoints struct {
		All   jobs.Job `jobs:"all(days=1)" cron:"0 0 1 1 *" missed:"all" overlap:"allow" method:"Report"`
		One   jobs.Job `jobs:"one(days=1)" cron:"0 0 1 1 *" method:"Report"`
		Each  jobs.Job `jobs:"each(days=1)" cron:"0 0 1 1 *" missed:"all" method:"Report"`
		Line  jobs.Job `jobs:"line(days=1)" cron:"0 0 1 1 *" missed:"all" overlap:"queue" method:"Report"`
		Share jobs.Job `jobs:"share(days=1)" cron:"0 0 1 1 *" missed:"all" overlap:"allow" resource:"days-{days}" method:"Report"`
		Plain jobs.Job `jobs:"plain" cron:"0 0 1 1 *" tz:"Europe/Madrid" missed:"skip"`
	}

	Log *reportLog
}

// A reportLog records the calls of reports.
type reportLog struct {
	calls chan report
	wait  chan struct{} // if nil, no call waits
}

// A report is a call.
type report struct {
	id   string
	tick timer.Tick
	days int
}

func (r *Reports) Report(ctx context.Context, tick timer.Tick, days int) error {
	r.Log.calls <- report{service.FromContext(ctx).ID, tick, days}
	if r.Log.wait != nil {
		<-r.Log.wait
	}
	if service.FromContext(ctx).Attempt == 1 && days == 2 {
		return service.RetryAfter(0, errors.New("not yet"))
	}
	return nil
}

func (r *Reports) Plain(ctx context.Context) error {
	r.Log.calls <- report{id: service.FromContext(ctx).ID}
	return nil
}

func newReportLog() *reportLog { return &reportLog{calls: make(chan report, 100)} }

// lag sets the last tick of a row of reports some years back, before the service starts.
func lag(t *testing.T, s *store.Store, name string, years int) (last time.Time) {
	t.Helper()
	row := store.Periodic{Service: "reports", Name: name, Field: "Any", Queue: "gomeko.jobs.reports", Schedule: "0 0 1 1 *", Zone: "UTC", Missed: "once", Overlap: "skip"}
	last = time.Date(time.Now().UTC().Year()-years, 1, 1, 0, 0, 0, 0, time.UTC)
	err := s.Register(t.Context(), row)
	if err == nil {
		_, _, err = s.Tick(t.Context(), "reports", name, func(store.Periodic) store.Tick { return store.Tick{Last: last} })
	}
	if err == nil {
		_, err = s.Pause(t.Context(), "reports", name, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// resume resumes a row.
func resume(t *testing.T, s *store.Store, name string) {
	t.Helper()
	hosttest.Eventually(t, "the row is registered as the service says", func() bool {
		all, err := s.Periodics(t.Context(), "reports")
		return err == nil && len(all) == 6 && all[0].Field == "All"
	})
	if _, err := s.Pause(t.Context(), "reports", name, false); err != nil {
		t.Fatal(err)
	}
}

// TestPeriodic runs the jobs of ticks, in two processes.
func TestPeriodic(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		last := lag(t, s, "all", 5)
		lag(t, s, "one", 5)
		log := newReportLog()
		for range 2 {
			startWorker(t, uri, jobs.Attentive(jobs.Config{Store: s}), 10, &Reports{Log: log})
		}
		resume(t, s, "all")
		want := map[time.Time]bool{}
		for i := range 5 {
			want[last.AddDate(i+1, 0, 0)] = true
		}
		for range 5 {
			r := hosttest.Next(t, log.calls)
			if !want[r.tick.Nominal] || r.tick.Missed != 0 || time.Since(r.tick.Actual) > time.Minute || r.days != 1 {
				t.Errorf("called with %+v", r)
			}
			delete(want, r.tick.Nominal)
		}
		resume(t, s, "one")
		if r := hosttest.Next(t, log.calls); !r.tick.Nominal.Equal(last.AddDate(5, 0, 0)) || r.tick.Missed != 4 {
			t.Errorf("called with %+v", r)
		}
		reach(t, s, periodic.ID("reports", "one", last.AddDate(5, 0, 0)), store.Succeeded)
	})
}

// TestPeriodicOverlap checks that the job of a tick waits for that of the tick before.
func TestPeriodicOverlap(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		last := lag(t, s, "each", 3)
		log := newReportLog()
		log.wait = make(chan struct{})
		startWorker(t, uri, jobs.Attentive(jobs.Config{Store: s}), 10, &Reports{Log: log})
		resume(t, s, "each")
		for i := range 3 {
			if r := hosttest.Next(t, log.calls); !r.tick.Nominal.Equal(last.AddDate(i+1, 0, 0)) {
				t.Errorf("called with %+v", r)
			}
			all, err := s.Periodics(t.Context(), "reports")
			if err != nil || !all[1].Waiting() || !all[1].Last.Equal(last.AddDate(i+1, 0, 0)) {
				t.Errorf("got %+v, %v", all[1], err)
			}
			log.wait <- struct{}{}
		}
	})
}

// TestPeriodicQueue queues the jobs of ticks.
func TestPeriodicQueue(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		last := lag(t, s, "line", 3)
		lag(t, s, "share", 3)
		log := newReportLog()
		log.wait = make(chan struct{}, 10)
		startWorker(t, uri, jobs.Attentive(jobs.Config{Store: s}), 10, &Reports{Log: log})
		for n := range 6 {
			i, name := n%3, map[bool]string{true: "line", false: "share"}[n < 3]
			if i == 0 {
				resume(t, s, name)
			}
			if r := hosttest.Next(t, log.calls); !r.tick.Nominal.Equal(last.AddDate(i+1, 0, 0)) {
				t.Errorf("called with %+v", r)
			}
			running, err := s.List(t.Context(), store.Filter{States: []store.State{store.Running}})
			waiting, failed := s.List(t.Context(), store.Filter{States: []store.State{store.Queued}})
			if err = errors.Join(err, failed); err != nil || len(running) != 1 || len(waiting) != 2-i || running[0].Resource != map[string]string{"line": "cron:reports.line", "share": "days-1"}[name] {
				t.Errorf("%s: %d run and %d wait, %v", name, len(running), len(waiting), err)
			}
			log.wait <- struct{}{}
			reach(t, s, running[0].ID, store.Succeeded)
		}
	})
}

// TestPeriodicByHand enqueues the job of a periodic row by hand: its tick is the time of
// enqueueing.
func TestPeriodicByHand(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		log := newReportLog()
		startWorker(t, uri, jobs.Config{Store: s}, 10, &Reports{Log: log})
		began := time.Now().Add(-time.Second)
		publish(t, uri, "reports.one", "by-hand", `{"args": [2], "kwargs": {}}`)
		first, second := hosttest.Next(t, log.calls), hosttest.Next(t, log.calls)
		j := reach(t, s, "by-hand", store.Succeeded)
		for _, r := range []report{first, second} {
			if r.days != 2 || !r.tick.Nominal.Equal(j.Created) || r.tick.Nominal.Before(began) || r.tick.Missed != 0 {
				t.Errorf("called with %+v, enqueued at %s", r, j.Created)
			}
		}
	})
}

// Seconds has a job each second, without a store.
type Seconds struct {
	_ service.Name `service:"seconds"`

	Entrypoints struct {
		Count jobs.Job `jobs:"count" cron:"* * * * * *" overlap:"allow" missed:"all"`
	}

	Log *reportLog
}

func (s *Seconds) Count(ctx context.Context, tick timer.Tick) error {
	s.Log.calls <- report{id: service.FromContext(ctx).ID, tick: tick}
	return nil
}

// TestPeriodicWithoutStore runs two processes, which take turns with the job of each second.
func TestPeriodicWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		log := newReportLog()
		start := func() *hosttest.Host {
			return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Seconds{Log: log}, service.Configure(fleet.Timers()))
		}
		first := start()
		r := hosttest.Next(t, log.calls)
		start()
		hosttest.Close(t, first.Stop)
		next := hosttest.Next(t, log.calls)
		if got := next.tick.Nominal.Sub(r.tick.Nominal); got != time.Second || !strings.HasPrefix(next.id, "seconds.count.") || len(next.id) != len("seconds.count.")+36 {
			t.Errorf("called with %+v, %s after %+v", next, got, r)
		}
	})
}

// TestPeriodicEager checks that nothing ticks in a test with Eager.
func TestPeriodicEager(t *testing.T) {
	t.Parallel()
	log := newReportLog()
	h := servicetest.New(t, &Reports{Log: log}, jobs.Eager)
	noon := timer.Tick{Nominal: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	if _, err := h.Run(t.Context(), "reports.One", noon, 7); err != nil {
		t.Fatal(err)
	}
	if r := hosttest.Next(t, log.calls); r.tick != noon || r.days != 7 {
		t.Errorf("called with %+v", r)
	}
}

// TestPeriodicMistakes checks the errors for invalid tags of periodic rows.
func TestPeriodicMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(wrongTags), service.Configure(transport.Config{URI: "amqp://127.0.0.1:1"}), service.Configure(fleet.Timers()))
	if err == nil {
		t.Fatal("no mistake was reported")
	}
	for _, want := range []string{
		`Zone: cron expression "61 * * * *": minute: "61" is not a value: write 0 to 59`,
		`Zone: tz "Europe/Madird" is not a time zone: write a name such as tz:"Europe/Madrid"`,
		`Zone: missed "never" is unknown: write missed:"once", missed:"all" or missed:"skip"`,
		`Zone: overlap "no" is unknown: write overlap:"skip", overlap:"allow" or overlap:"queue"`,
		`NoCron: tz is for periodic jobs: add cron:"30 2 * * *", or remove tz`,
		`NoCron: missed is for periodic jobs: add cron:"30 2 * * *", or remove missed`,
		`NoCron: overlap is for periodic jobs: add cron:"30 2 * * *", or remove overlap`,
		`NoTick: Ticked takes a timer.Tick, which only periodic jobs have: add cron:"30 2 * * *", or remove the parameter`,
		`Needs: cron: a tick passes no arguments, but needs() missing 1 required positional argument: 'url': give every parameter a default, as in jobs:"needs(days=1)"`,
		`Alone: overlap:"skip", the default, so that one job ends before the next one begins, needs a store: set gomeko.jobs.store, or the Store of jobs.Config; or write overlap:"allow"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
	}
}

// wrongTags has mistakes in its tags.
type wrongTags struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		Zone   jobs.Job `jobs:"zone" cron:"61 * * * *" tz:"Europe/Madird" missed:"never" overlap:"no" method:"Fine"`
		NoCron jobs.Job `jobs:"nocron" tz:"UTC" missed:"all" overlap:"skip" method:"Fine"`
		NoTick jobs.Job `jobs:"notick" method:"Ticked"`
		Alone  jobs.Job `jobs:"alone" cron:"0 3 * * *" method:"Fine"`
		Needs  jobs.Job `jobs:"needs(url)" cron:"0 3 * * *" overlap:"allow" method:"Takes"`
	}
}

func (*wrongTags) Fine(context.Context) error               { return nil }
func (*wrongTags) Ticked(context.Context, timer.Tick) error { return nil }
func (*wrongTags) Takes(context.Context, string) error      { return nil }
