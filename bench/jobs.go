package main

import (
	"context"
	"strings"
	"time"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// This file measures jobs: how many are enqueued and run to an outcome that is recorded, and how
// soon one begins. river.go does the same with River.

// A Worker has a job that does nothing.
type Worker struct {
	_ service.Name `service:"worker"`

	Entrypoints struct {
		Work jobs.Job `jobs:"work(text)"`
	}

	begun func()
}

// Work does nothing.
func (w *Worker) Work(context.Context, string) error {
	w.begun()
	return nil
}

// openStore opens the store of a database, and makes its tables.
func openStore(ctx context.Context, database string) (s *store.Store, err error) {
	if file, ok := strings.CutPrefix(database, "sqlite:"); ok {
		s, err = sqlite.Open(ctx, file)
	} else {
		s, err = postgres.Open(ctx, database)
	}
	if err == nil {
		_, _, err = s.Migrate(ctx)
	}
	return s, err
}

// hostWorker hosts a Worker on the broker and the database that args name.
func hostWorker(ctx context.Context, args []string, begun func()) (*store.Store, error) {
	s, err := openStore(ctx, args[1])
	if err != nil {
		return nil, err
	}
	c, err := service.New(service.Config{Logger: quiet, MaxWorkers: workers}, &Worker{begun: begun},
		service.Configure(transport.Config{URI: args[0]}), service.Configure(jobs.Config{Store: s}))
	if err != nil {
		return nil, err
	}
	return s, c.Start(ctx)
}

// enqueuerOf returns what enqueues a job of a Worker.
func enqueuerOf(ctx context.Context, args []string, s *store.Store) (func(ctx context.Context, text string) error, error) {
	conn, err := transport.Dial(ctx, transport.Config{URI: args[0], Logger: quiet})
	if err != nil {
		return nil, err
	}
	e, err := jobs.NewEnqueuer(ctx, conn, jobs.Config{Store: s})
	if err != nil {
		return nil, err
	}
	client := e.Client("worker")
	return func(ctx context.Context, text string) error {
		_, err := client.Enqueue(ctx, "work", text)
		return err
	}, nil
}

// runJobs is a worker whose jobs count as handled when their outcomes are recorded.
func runJobs(ctx context.Context, r *role, args []string) error {
	s, err := hostWorker(ctx, args, func() { r.handled.Add(1) })
	r.settled = func() int64 {
		n := r.handled.Load()
		running, err := s.List(ctx, store.Filter{Service: "worker", Name: "work", States: []store.State{store.Running}, Limit: 2 * workers})
		must(err)
		return n - int64(len(running))
	}
	return err
}

// enqueueJobs enqueues them.
func enqueueJobs(ctx context.Context, r *role, args []string) error {
	s, err := openStore(ctx, args[1])
	if err != nil {
		return err
	}
	r.call, err = enqueuerOf(ctx, args, s)
	return err
}

// startJobs enqueues jobs and runs them itself.
func startJobs(ctx context.Context, r *role, args []string) error {
	begun := make(chan time.Time, 1)
	s, err := hostWorker(ctx, args, func() { begun <- time.Now() })
	if err != nil {
		return err
	}
	enqueue, err := enqueuerOf(ctx, args, s)
	r.soon(enqueue, begun)
	return err
}

// idle is how long nothing happens before a job whose start is timed.
const idle = 20 * time.Millisecond

// soon enqueues one job after the other, and reports how long each took to begin.
func (r *role) soon(enqueue func(ctx context.Context, text string) error, begun <-chan time.Time) {
	r.load = func(o order, l *latencies) report {
		l.calls.Store(0)
		for began := time.Now(); l.calls.Load() == 0 || time.Since(began) < o.Duration; {
			time.Sleep(idle)
			since := time.Now()
			if err := enqueue(context.Background(), o.text()); err != nil {
				return report{Error: err.Error()}
			}
			l.add((<-begun).Sub(since))
		}
		return l.report(o.Duration)
	}
}

func jobsGroups() []*group {
	const throughput, start = "jobs/throughput", "jobs/start"
	of := func(server, client []string, copies int) (gomeko []contestant) {
		for _, c := range []contestant{
			{name: "gomeko, PostgreSQL", broker: rabbitMQ, store: postgreSQL},
			{name: "gomeko, PostgreSQL, embedded broker", broker: embedded, store: postgreSQL},
			{name: "gomeko, SQLite", broker: rabbitMQ, store: sqLite},
			{name: "gomeko, SQLite, embedded broker", broker: embedded, store: sqLite},
		} {
			c.server, c.client, c.copies = server, client, copies
			gomeko = append(gomeko, c)
		}
		return gomeko
	}
	quick, slow := []string{"River jobs"}, []string{"River jobs", "defaults"}
	return []*group{{
		title: "Jobs",
		unit:  "jobs",
		about: "Each of 64 callers enqueues jobs that do nothing, one after the other, and 100 workers in another process run them. The time ends when the last outcome is recorded. p50 and p99 are the time to enqueue a job. The databases sync each commit. River looks for jobs often: its FetchCooldown is 2 ms and its FetchPollInterval 20 ms. The CPU time of the databases is not counted, except SQLite's, which is inside the client and the server.",
		contestants: append([]contestant{
			{name: "River", store: postgreSQL, server: quick, client: []string{"River enqueuer"}, copies: 1},
			{name: "River, defaults", store: postgreSQL, server: slow, client: []string{"River enqueuer"}, copies: 1},
		}, of([]string{"gomeko jobs"}, []string{"gomeko enqueuer"}, 1)...),
		scenarios: []scenario{{throughput, order{Callers: 64, Size: 50}}},
		claims: []claim{
			{throughput, "gomeko, PostgreSQL", "River", rate, 1},
			{throughput, "gomeko, SQLite, embedded broker", "River", rate, 2},
		},
	}, {
		title: "Jobs: start",
		unit:  "jobs",
		about: "One job at a time, 20 ms after the one before, enqueued by the process that runs it. p50 and p99 are the time from the call that enqueues a job until its method begins.",
		contestants: append([]contestant{
			{name: "River", store: postgreSQL, server: []string{"nothing"}, client: []string{"River jobs start"}},
		}, of([]string{"nothing"}, []string{"gomeko jobs start"}, 0)...),
		scenarios: []scenario{{start, order{Callers: 1, Size: 50}}},
	}}
}
