package soak_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Labor is a service with jobs that report what they do.
type Labor struct {
	_ service.Name `service:"labor"`

	Entrypoints struct {
		Work    jobs.Job `jobs:"work(id, millis)" retry:"50ms*50" done:"Worked"`
		Explode jobs.Job `jobs:"explode"`
		Hold    jobs.Job `jobs:"hold"`
		Hello   jobs.Job `jobs:"hello"`
	}
}

// Work takes some time. One job in ten fails at its first attempt.
func (l *Labor) Work(ctx context.Context, id, millis int) error {
	select {
	case <-time.After(time.Duration(millis) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	attempt := service.FromContext(ctx).Attempt
	if id%10 == 0 && attempt == 1 {
		return errors.New("not yet")
	}
	_, err := fmt.Println("worked", id, attempt)
	return err
}

// Worked reports that the hook has run.
func (l *Labor) Worked(_ context.Context, o jobs.Outcome) error {
	_, err := fmt.Println("hooked", o.ID)
	return err
}

// Explode ends the process.
func (l *Labor) Explode(ctx context.Context) error {
	if err := endProcess(); err != nil {
		return err
	}
	<-ctx.Done() // wait for the signal
	return ctx.Err()
}

// Hold returns the number of its attempt. The first attempt waits until its ctx ends, and then
// continues.
func (l *Labor) Hold(ctx context.Context) (int, error) {
	attempt := service.FromContext(ctx).Attempt
	if _, err := fmt.Println("began", attempt); err != nil {
		return 0, err
	}
	if attempt > 1 {
		return attempt, nil
	}
	<-ctx.Done()
	_, err := fmt.Println("ended", attempt, errors.Is(context.Cause(ctx), jobs.ErrLeaseLost))
	return attempt, err
}

// Hello returns a greeting.
func (l *Labor) Hello(context.Context) (string, error) {
	_, err := fmt.Println("hello")
	return "hello", err
}

// Unemployed is an earlier version of Labor, without jobs.
type Unemployed struct {
	_ service.Name `service:"labor"`

	Entrypoints struct {
		Explode rpc.Method `rpc:"explode"`
	}
}

// Explode does nothing yet.
func (u *Unemployed) Explode(context.Context) error { return nil }

// jobsVariable tells a process how to run jobs: the lease, the limit of deaths and the store, for
// example "5s -1 sqlite:FILE".
const jobsVariable = "GOMEKO_SOAK_JOBS"

// newLabor returns a module with Labor.
func newLabor() any { return hostOfJobs(new(Labor)) }

// hostOfJobs returns a module with services that run jobs according to jobsVariable.
func hostOfJobs(services ...any) any {
	words := strings.Fields(os.Getenv(jobsVariable))
	lease, err := time.ParseDuration(words[0])
	if err != nil {
		panic(err)
	}
	deaths, err := strconv.Atoi(words[1])
	if err != nil {
		panic(err)
	}
	open := func(ctx context.Context) (*store.Store, error) { return openStore(ctx, words[2]) }
	all := []fx.Option{service.Configure(jobs.Config{Open: open, Lease: lease, Deaths: deaths})}
	for _, s := range services {
		all = append(all, service.Provide(s))
	}
	return fx.Options(all...)
}

// openStore opens a store of either kind.
func openStore(ctx context.Context, url string) (*store.Store, error) {
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return sqlite.Open(ctx, file)
	}
	return postgres.Open(ctx, url)
}

// makeStore opens an empty store, and closes it when the test ends. If url is "", it is a new file.
func makeStore(t *testing.T, url string) (s *store.Store, where string) {
	t.Helper()
	if url == "" {
		url = "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	}
	s, err := openStore(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, url
}

// eachStore runs f with a store of each kind, in parallel.
func eachStore(t *testing.T, f func(t *testing.T, s *store.Store, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s, url := makeStore(t, "")
		f(t, s, url)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s, url := makeStore(t, hosttest.StartPostgres(t).URL())
		f(t, s, url)
	})
}

// newEnqueuer returns an Enqueuer with its own connection, for the duration of the test.
func newEnqueuer(t *testing.T, uri string, s *store.Store) *jobs.Enqueuer {
	t.Helper()
	e, err := jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: uri}), jobs.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, e.Close) })
	return e
}

// laborer returns a process that hosts Labor.
func laborer(t *testing.T, uri, how string, tell func(line string)) *process {
	t.Helper()
	p := &process{t: t, role: "labor", uri: uri, tell: tell, jobs: how}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// final waits until a job has ended, and returns its row.
func final(t *testing.T, s *store.Store, id string) store.Job {
	t.Helper()
	var j store.Job
	hosttest.Eventually(t, "job "+id+" has ended", func() bool {
		all, err := s.Get(t.Context(), id)
		if err == nil && len(all) == 1 {
			j = all[0]
		}
		return j.State.Final()
	})
	return j
}
