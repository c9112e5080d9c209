package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// lease is the lease in these tests, the shortest possible one.
const lease = time.Second

// TestRenewal runs a job that takes longer than its lease.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testRenewal(t, brokertest.Embedded(t), open(t))
		})
	}
}

func testRenewal(t *testing.T, uri string, s *store.Store) {
	const renewed = 4 * lease // a busy machine must renew the lease within half of this time
	script := newScript()
	script.wait = func(ctx context.Context, _ string) error {
		select {
		case <-time.After(2 * renewed):
		case <-ctx.Done():
			t.Errorf("the context ended: %v", context.Cause(ctx))
		}
		return nil
	}
	startWorker(t, uri, jobs.Config{Store: s, Lease: renewed}, 2, &Images{Script: script})
	publish(t, uri, "images.wait", "long", `{"args":["long"],"kwargs":{}}`)
	if j := reach(t, s, "long", store.Succeeded); j.Attempt != 1 || len(script.calls) != 1 {
		t.Errorf("%d calls, recorded %+v", len(script.calls), j)
	}
}

// TestStoreAway renames the tables while a job runs and another one arrives.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		file := filepath.Join(t.TempDir(), "jobs.db")
		s, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		migrate(t, s)
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		script := newScript()
		ended := make(chan error, 1)
		script.wait = func(ctx context.Context, url string) error {
			if url == "second" || service.FromContext(ctx).Attempt > 1 || len(ended) > 0 {
				return nil
			}
			<-ctx.Done()
			select {
			case ended <- context.Cause(ctx):
			default:
			}
			return ctx.Err()
		}
		h := startWorker(t, uri, jobs.Config{Store: s, Lease: lease}, 2, &Images{Script: script})
		publish(t, uri, "images.wait", "first", `{"args":["first"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		began := reach(t, s, "first", store.Running)
		execute(t, db, "ALTER TABLE gomeko_job RENAME TO gone")
		publish(t, uri, "images.wait", "second", `{"args":["second"],"kwargs":{}}`)
		if err := hosttest.Next(t, ended); !errors.Is(err, jobs.ErrLeaseLost) {
			t.Errorf("the context ended because of %v", err)
		}
		if late := time.Since(began.Lease); late > 10*lease {
			t.Errorf("the context ended %s after the lease", late)
		}
		h.Log.Wait(t, 1, "messages wait in the queue")
		hosttest.Eventually(t, "the message is in the queue", func() bool { return brokertest.Depth(t, uri, "gomeko.jobs.images") > 0 })
		if paused := h.Host().Pauses(); len(paused) != 4 || paused[0].Row != "Alone" || paused[0].Queue != "gomeko.jobs.images" {
			t.Errorf("paused: %+v", paused)
		}
		ended <- nil // the method succeeds from now on
		execute(t, db, "ALTER TABLE gone RENAME TO gomeko_job")
		reach(t, s, "second", store.Succeeded)
		reach(t, s, "first", store.Succeeded)
		hosttest.Eventually(t, "the rows are resumed", func() bool { return len(h.Host().Pauses()) == 0 })
	})
}

// Killer is a service whose job kills its process.
type Killer struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Kill jobs.Job `jobs:"kill(how)"`
	}
}

func (*Killer) Kill(_ context.Context, how string) error {
	if how == "kill" {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil
}

const killerEnv = "GOMEKO_TEST_JOBS_KILLER"

// TestThirdKill runs a job that kills three processes.
func TestThirdKill(t *testing.T) {
	if uri := os.Getenv(killerEnv); uri != "" {
		runWorker(t, uri, os.Getenv(killerEnv+"_FILE"), &Killer{})
		return
	}
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		file := filepath.Join(t.TempDir(), "jobs.db")
		s, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		migrate(t, s)
		insert(t, s, "bomb", "kill", `["kill"]`)
		for range 3 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestThirdKill$")
			cmd.Env = append(os.Environ(), killerEnv+"="+uri, killerEnv+"_FILE="+file)
			hosttest.StartProcess(t, cmd).Wait()
		}
		startWorker(t, uri, jobs.Config{Store: s, Lease: lease}, 1, &Killer{})
		j := reach(t, s, "bomb", store.Failed)
		if o := jobs.OutcomeOf(&j); !errors.Is(o.Err, jobs.ErrSuspect) || j.Deaths != 3 || j.Attempt != 3 {
			t.Errorf("recorded %+v: %v", j, o.Err)
		}
	})
}

// runWorker runs a process that kills itself.
func runWorker(t *testing.T, uri, file string, svc any) {
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, svc, service.Configure(jobs.Config{Store: s, Lease: lease}))
	hosttest.Receive(t, "the process ends", make(chan struct{}))
}

// Hooked is a service whose hook may kill its process.
type Hooked struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Work jobs.Job `jobs:"work" done:"Worked"`
	}

	Kills bool
	Calls chan string
}

func (h *Hooked) Work(context.Context) (string, error) {
	if !h.Kills {
		h.Calls <- "work"
	}
	return "done", nil
}

func (h *Hooked) Worked(_ context.Context, o jobs.Outcome) error {
	if h.Kills {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	h.Calls <- "hook of " + string(o.State)
	return nil
}

// TestKilledHook kills a process inside the hook of a job: another process calls the hook again,
// and does not run the job.
func TestKilledHook(t *testing.T) {
	const env = "GOMEKO_TEST_JOBS_HOOK"
	if uri := os.Getenv(env); uri != "" {
		runWorker(t, uri, os.Getenv(env+"_FILE"), &Hooked{Kills: true})
		return
	}
	t.Parallel()
	uri, file := brokertest.Embedded(t), filepath.Join(t.TempDir(), "jobs.db")
	s, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, s)
	insert(t, s, "a", "work", `[]`)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledHook$")
	cmd.Env = append(os.Environ(), env+"="+uri, env+"_FILE="+file)
	hosttest.StartProcess(t, cmd).Wait()
	if j := reach(t, s, "a", store.Succeeded); j.Hook == store.HookRan || j.Hook == store.HookNone {
		t.Errorf("after the kill the hook is %s", j.Hook)
	}
	calls := make(chan string, 10)
	startWorker(t, uri, jobs.Config{Store: s, Lease: lease}, 1, &Hooked{Calls: calls})
	if call := hosttest.Next(t, calls); call != "hook of succeeded" {
		t.Errorf("called: %s", call)
	}
	hosttest.Eventually(t, "the hook has run", func() bool { return reach(t, s, "a", store.Succeeded).Hook == store.HookRan })
	for len(calls) > 0 { // on a machine that stalls, the hook's lease may expire once more
		if call := <-calls; call != "hook of succeeded" {
			t.Errorf("called: %s", call)
		}
	}
}
