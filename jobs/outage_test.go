package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// signal sends a signal to all processes of a PostgreSQL server, first to the one that starts the
// others.
func signal(t *testing.T, p *hosttest.Postgres, name string) {
	t.Helper()
	run := func(command ...string) string {
		out, err := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...).CombinedOutput()
		if err != nil && name == "STOP" {
			t.Fatalf("%v: %v: %s", command, err, out)
		}
		return string(out)
	}
	processes := func(is func(pid, parent, line string) bool) (found []string) {
		for line := range strings.Lines(run("ps", "-eo", "pid,ppid,args")) {
			if f := strings.Fields(line); is(f[0], f[1], line) {
				found = append(found, f[0])
			}
		}
		return found
	}
	server := processes(func(_, _, line string) bool {
		return strings.HasSuffix(strings.Fields(line)[2], "/postgres") && strings.Contains(line, p.Dir())
	})
	run(append([]string{"kill", "-" + name}, server...)...)
	run(append([]string{"kill", "-" + name}, processes(func(_, parent, _ string) bool { return slices.Contains(server, parent) })...)...)
}

// TestHungDatabase stops the processes of PostgreSQL for some time, under a worker. The worker ends
// its running jobs and reruns them later, and it can be stopped meanwhile.
func TestHungDatabase(t *testing.T) {
	t.Parallel()
	database := hosttest.StartPostgres(t)
	open := func() *store.Store {
		s, err := postgres.Open(t.Context(), database.URL())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	migrate(t, s)
	uri, script := brokertest.Embedded(t), newScript()
	ended := make(chan error, 10)
	script.wait = func(ctx context.Context, url string) error {
		if url == "runs" {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}
		return nil
	}
	w := startWorker(t, uri, jobs.Config{Open: func(context.Context) (*store.Store, error) { return open(), nil }, Lease: 3 * time.Second}, 3, &Images{Script: script})
	publish(t, uri, "images.wait", "runs", `{"args":["runs"],"kwargs":{}}`)
	hosttest.Next(t, script.calls)
	signal(t, database, "STOP")
	t.Cleanup(func() { signal(t, database, "CONT") })
	publish(t, uri, "images.wait", "later", `{"args":["later"],"kwargs":{}}`)
	if err := hosttest.Next(t, ended); !errors.Is(err, jobs.ErrLeaseLost) {
		t.Errorf("ended because of %v", err)
	}
	w.Log.Wait(t, 1, "the store does not answer: messages wait")
	hosttest.Close(t, w.Stop)
	signal(t, database, "CONT")
	script.wait = nil
	startWorker(t, uri, jobs.Config{Store: s, Lease: 3 * time.Second}, 3, &Images{Script: script})
	for _, id := range []string{"runs", "later"} {
		reach(t, s, id, store.Succeeded)
	}
}

// TestSlowOutcomes blocks the recording of outcomes, but not the claiming of jobs. The worker stops
// claiming when EndsWaiting outcomes wait, and continues when they are recorded.
func TestSlowOutcomes(t *testing.T) {
	t.Parallel()
	url := hosttest.Schema(t)
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, s)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback() }()
	if _, err := lock.ExecContext(t.Context(), "LOCK TABLE gomeko_attempt"); err != nil { // where failures are recorded
		t.Fatal(err)
	}
	const total = 3000
	var all []store.New
	for i := range total {
		all = append(all, store.New{
			ID: fmt.Sprint(i), Service: "images", Name: "wait", Queue: "gomeko.jobs.images",
			ContentType: "application/json", Payload: []byte(`{"args":["a"],"kwargs":{}}`),
		})
	}
	if _, err := s.Insert(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	script := &script{calls: make(chan string, total), wait: func(context.Context, string) error { return service.Park(errors.New("no")) }}
	startWorker(t, brokertest.Embedded(t), jobs.Config{Store: s}, 10, &Images{Script: script})
	hosttest.Eventually(t, "outcomes wait", func() bool { return len(script.calls) >= jobs.EndsWaiting })
	n := len(script.calls)
	for last := 0; n > last && n < total; n = len(script.calls) { // until it claims no more
		last = n
		time.Sleep(500 * time.Millisecond)
	}
	if n > jobs.EndsWaiting+500 {
		t.Errorf("%d jobs have run, and the outcome of none is recorded", n)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	for i := range total {
		reach(t, s, fmt.Sprint(i), store.Failed)
	}
	if n := len(script.calls); n != total {
		t.Errorf("the methods of %d jobs were called %d times", total, n)
	}
}
