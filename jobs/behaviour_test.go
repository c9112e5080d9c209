package jobs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

var errTeapot = rpcerror.New("images.Teapot", "short and stout")

// TestAttempts runs jobs that fail.
func TestAttempts(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		attempts := map[string]int{}
		script.wait = func(ctx context.Context, url string) error {
			c := service.FromContext(ctx)
			attempts[url]++
			if c.Attempt != attempts[url] || !strings.HasSuffix(c.ID, url) {
				t.Errorf("%s: attempt %d is %d", c.ID, attempts[url], c.Attempt)
			}
			switch {
			case url == "twice" && c.Attempt < 3:
				return errors.New("not yet")
			case url == "always", url == "single":
				return errors.New("never")
			case url == "expected":
				return errTeapot
			case url == "parked":
				return service.Park(errors.New("never again"))
			case url == "dropped":
				return service.Drop(errors.New("forget it"))
			case url == "later" && c.Attempt == 1:
				return service.RetryAfter(40*time.Millisecond, errors.New("busy"))
			case url == "panics":
				panic("at the disco")
			case url == "slow":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		for _, test := range []struct {
			name, id string
			state    store.State
			attempts int
			kinds    []string
			error    string
		}{
			{"wait", "twice", store.Succeeded, 3, []string{"fault", "fault"}, ""},
			{"wait", "always", store.Failed, 3, []string{"fault", "fault", "fault"}, "Exception: never"},
			{"alone", "single", store.Failed, 1, []string{"fault"}, "Exception: never"},
			{"wait", "expected", store.Failed, 1, []string{"fault"}, "images.Teapot: short and stout"},
			{"wait", "parked", store.Failed, 1, []string{"fault"}, "Exception: never again"},
			{"wait", "dropped", store.Cancelled, 1, []string{"cancelled"}, "Exception: forget it"},
			{"alone", "later", store.Succeeded, 2, []string{"fault"}, ""},
			{"alone", "panics", store.Failed, 1, []string{"fault"}, "RuntimeError: panic: at the disco"},
			{"short", "slow", store.Failed, 1, []string{"timeout"}, "call timed out"},
			{"resize", "misfit", store.Failed, 1, []string{"fault"}, "IncorrectSignature"},
		} {
			args := `{"args":["` + test.id + `"],"kwargs":{}}`
			if test.id == "misfit" {
				args = `{"args":[],"kwargs":{"depth":1}}`
			}
			publish(t, uri, "images."+test.name, test.id, args)
			j := reach(t, s, test.id, test.state)
			var kinds []string
			history, err := s.Attempts(t.Context(), test.id)
			for _, a := range history {
				kinds = append(kinds, a.Kind)
			}
			text := ""
			if test.state != store.Succeeded {
				text = j.ErrorType + ": " + j.Error
			}
			if err != nil || j.Attempt != test.attempts || !slices.Equal(kinds, test.kinds) || !strings.Contains(text, test.error) {
				t.Errorf("%s: %d attempts, kinds %q, error %q: %v; want %+v", test.id, j.Attempt, kinds, text, err, test)
			}
		}
	})
}

// TestCancel cancels jobs that wait and a running one.
func TestCancel(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		causes := make(chan error, 1)
		script.wait = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}
		startWorker(t, uri, jobs.Config{Store: s}, 10, &Images{Script: script})
		insert(t, s, "waits", "resize", `["a"]`, func(j *store.New) { j.In = time.Hour })
		publish(t, uri, "images.wait", "runs", `{"args":["b"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		for _, id := range []string{"waits", "runs"} {
			if _, err := s.Cancel(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			reach(t, s, id, store.Cancelled)
		}
		if err := hosttest.Next(t, causes); !strings.Contains(err.Error(), "cancelled") {
			t.Errorf("the context ended because of %v", err)
		}
		if o := hosttest.Next(t, script.done); o.ID != "waits" || !errors.Is(o.Err, jobs.ErrCancelled) {
			t.Errorf("the hook got %+v", o)
		}
	})
}

// TestSweeper runs jobs without messages, and delayed jobs.
func TestSweeper(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		insert(t, s, "before", "resize", `["before"]`)
		startWorker(t, uri, jobs.Config{Store: s}, 10, &Images{Script: script})
		if url := hosttest.Next(t, script.calls); url != "before" {
			t.Errorf("called with %s", url)
		}
		began := time.Now()
		insert(t, s, "later", "alone", `["later"]`, func(j *store.New) { j.In = 300 * time.Millisecond })
		insert(t, s, "after", "wait", `["after"]`)
		got := []string{hosttest.Next(t, script.calls), hosttest.Next(t, script.calls)}
		if slices.Sort(got); !slices.Equal(got, []string{"after", "later"}) || time.Since(began) < 300*time.Millisecond {
			t.Errorf("called with %q after %s", got, time.Since(began))
		}
	})
}

// TestBusy checks that a process with one worker gives back a second job for another process.
func TestBusy(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		free := make(chan struct{})
		one, two := newScript(), newScript()
		one.wait = func(context.Context, string) error { <-free; return nil }
		startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: one})
		publish(t, uri, "images.wait", "first", `{"args":["first"],"kwargs":{}}`)
		hosttest.Next(t, one.calls)
		publish(t, uri, "images.wait", "second", `{"args":["second"],"kwargs":{}}`)
		hosttest.Eventually(t, "the message goes back", func() bool {
			all, err := s.Get(t.Context(), "second")
			return err == nil && len(all) == 1 && brokertest.Depth(t, uri, "gomeko.jobs.images") == 1
		})
		other := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: two})
		if url := hosttest.Next(t, two.calls); url != "second" {
			t.Errorf("called with %s", url)
		}
		hosttest.Close(t, other.Stop)
		publish(t, uri, "images.wait", "third", `{"args":["third"],"kwargs":{}}`)
		close(free)
		if url := hosttest.Next(t, one.calls); url != "third" {
			t.Errorf("called with %s", url)
		}
		reach(t, s, "third", store.Succeeded)
	})
}

// TestMaxWorkers checks that a busy row does not hold up the others of its queue.
func TestMaxWorkers(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := openSQLite(t)
		free := make(chan struct{})
		script := newScript()
		script.wait = func(_ context.Context, url string) error {
			if strings.HasPrefix(url, "alone") {
				<-free
			}
			return nil
		}
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Images{Script: script})
		for _, id := range []string{"alone1", "alone2", "alone3"} {
			publish(t, uri, "images.alone", id, `{"args":["`+id+`"],"kwargs":{}}`)
		}
		hosttest.Next(t, script.calls)
		for _, id := range []string{"alone2", "alone3"} {
			reach(t, s, id, store.Queued)
		}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			publish(t, uri, "images.wait", id, `{"args":["`+id+`"],"kwargs":{}}`)
			reach(t, s, id, store.Succeeded)
		}
		close(free)
		for _, id := range []string{"alone1", "alone2", "alone3"} {
			reach(t, s, id, store.Succeeded)
		}
	})
}

// TestKilled checks that the job of a process that is killed is given back.
func TestKilled(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		script.wait = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		h := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		publish(t, uri, "images.wait", "cut", `{"args":["cut"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		h.Kill()
		if j := reach(t, s, "cut", store.Queued); j.Attempt != 0 || j.Deaths != 0 {
			t.Errorf("given back as %+v", j)
		}
	})
}

// TestUnknown keeps a job whose name no row has, for a while.
func TestUnknown(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		h := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: newScript()})
		insert(t, s, "new", "enlarge", `[]`)
		if j := reach(t, s, "new", store.Scheduled); j.Attempt != 0 || time.Until(j.RunAt) < 20*time.Second {
			t.Errorf("the job is %+v", j)
		}
		h.Log.Wait(t, 1, "no row of this process has its name", "enlarge")
	})
}

// TestUnknownFails fails a job whose name no row has had for too long.
func TestUnknownFails(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		h := startWorker(t, uri, jobs.Impatient(jobs.Config{Store: s}), 1, &Images{Script: newScript()})
		insert(t, s, "old", "enlarge", `[]`)
		j := reach(t, s, "old", store.Failed)
		if o := jobs.OutcomeOf(&j); !errors.Is(o.Err, rpcerror.ErrMethodNotFound) || j.Error != "enlarge" {
			t.Errorf("the job is %+v, its error %v", j, o.Err)
		}
		h.Log.Wait(t, 1, "job failed: no row has its name", "enlarge")
	})
}

// TestPriority runs waiting jobs by priority, and then by age.
func TestPriority(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script, free := newScript(), make(chan struct{})
		script.wait = func(_ context.Context, url string) error {
			if url == "first" {
				<-free
			}
			return nil
		}
		startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		publish(t, uri, "images.wait", "first", `{"args":["first"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		for id, priority := range map[string]int{"low": -1, "high": 5, "higher": 9} {
			insert(t, s, id, "wait", `["`+id+`"]`, func(j *store.New) { j.Priority = priority })
		}
		insert(t, s, "older", "wait", `["older"]`)
		insert(t, s, "newer", "wait", `["newer"]`)
		close(free)
		for _, want := range []string{"higher", "high", "older", "newer", "low"} {
			if url := hosttest.Next(t, script.calls); url != want {
				t.Errorf("called with %s, want %s", url, want)
			}
		}
	})
}

// TestForeignMessages publishes messages while the only worker is busy, as a program without access
// to the store does. A job with a priority begins before one that has waited for longer, and a
// message that is not a job is dropped once.
func TestForeignMessages(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script, free := newScript(), make(chan struct{})
		script.wait = func(_ context.Context, url string) error {
			if url == "first" {
				<-free
			}
			return nil
		}
		w := startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		publish(t, uri, "images.wait", "first", `{"args":["first"],"kwargs":{}}`)
		hosttest.Next(t, script.calls)
		insert(t, s, "low", "wait", `["low"]`)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for _, p := range []transport.Properties{
			{MessageID: "high", ContentType: "application/json", Priority: 9, Persistent: true},
			{MessageID: "bad", ContentType: "application/json", Headers: transport.Table{"gomeko.run_at": "tomorrow"}, Persistent: true},
		} {
			body := []byte(`{"args":["` + p.MessageID + `"],"kwargs":{}}`)
			if err := conn.Publish(t.Context(), transport.Publishing{Exchange: "gomeko.jobs", Key: "images.wait", Mandatory: true, Properties: p, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		hosttest.Eventually(t, "the job has a row", func() bool {
			all, err := s.Get(t.Context(), "high")
			return err == nil && len(all) == 1
		})
		close(free)
		for _, want := range []string{"high", "low"} {
			if url := hosttest.Next(t, script.calls); url != want {
				t.Errorf("called with %s, want %s", url, want)
			}
		}
		w.Log.Wait(t, 1, "message dropped: it is not a job")
		hosttest.Eventually(t, "the queue is empty", func() bool { return brokertest.Depth(t, uri, "gomeko.jobs.images") == 0 })
		if n := len(w.Log.Lines("message dropped: it is not a job")); n != 1 {
			t.Errorf("the message was dropped %d times, want 1", n)
		}
	})
}

// TestEarlyMessage runs a job that was published before its queue existed.
func TestEarlyMessage(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		e := newEnqueuer(t, uri, jobs.Config{})
		ref, err := e.Client("images").Enqueue(t.Context(), "resize", "early")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client("others").Enqueue(t.Context(), "resize", "theirs"); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client("images").Enqueue(t.Context(), "enlarge", "", jobs.ID("unknown")); err != nil {
			t.Fatal(err)
		}
		script, s := newScript(), openSQLite(t)
		startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		if url := hosttest.Next(t, script.calls); url != "early" {
			t.Errorf("called with %s", url)
		}
		if result, err := ref.Wait(t.Context()); err != nil || string(result) != `{"width":200}` {
			t.Errorf("the outcome is %s: %v", result, err)
		}
		reach(t, s, "unknown", store.Scheduled)
		hosttest.Eventually(t, "the other message stays", func() bool { return brokertest.Depth(t, uri, "gomeko.jobs.unrouted") == 1 })
	})
}

// TestHookAgain retries a hook that has failed.
func TestHookAgain(t *testing.T) {
	t.Parallel()
	uri, s, script := brokertest.Embedded(t), openSQLite(t), newScript()
	calls := 0
	script.hook = func(jobs.Outcome) error {
		if calls++; calls == 1 {
			return errors.New("not now")
		}
		return nil
	}
	startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
	insert(t, s, "a", "resize", `["a"]`)
	hosttest.Next(t, script.done)
	hosttest.Next(t, script.done)
	hosttest.Eventually(t, "the hook has run", func() bool { return reach(t, s, "a", store.Succeeded).Hook == store.HookRan })
}

// TestProgress records how far a job has come.
func TestProgress(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		jobs.Progress(t.Context(), 0.5, "outside of a job")
		free := make(chan struct{})
		script := newScript()
		script.wait = func(ctx context.Context, _ string) error {
			jobs.Progress(ctx, 0.4, "120 of 300")
			<-free
			return nil
		}
		startWorker(t, uri, jobs.Config{Store: s}, 1, &Images{Script: script})
		insert(t, s, "a", "wait", `["a"]`)
		hosttest.Eventually(t, "progress is recorded", func() bool {
			j := reach(t, s, "a", store.Running)
			return j.Progress != nil && *j.Progress > 0.39 && *j.Progress < 0.41 && j.ProgressText == "120 of 300"
		})
		close(free)
		reach(t, s, "a", store.Succeeded)
	})
}

// Wrong is a service with mistakes in its rows.
type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		Empty  jobs.Job `jobs:"" method:"Work"`
		Dotted jobs.Job `jobs:"a.b" method:"Work"`
		Retry  jobs.Job `jobs:"retried" retry:"soon" method:"Work"`
		Queue  jobs.Job `jobs:"queued" queue:"a b" method:"Work"`
		Done   jobs.Job `jobs:"done" done:"Work" method:"Work"`
		One    jobs.Job `jobs:"one" method:"Work"`
		Two    jobs.Job `jobs:"one" method:"Work"`
		Chan   jobs.Job `jobs:"chan"`
	}
}

func (*Wrong) Work(context.Context) error             { return nil }
func (*Wrong) Chan(context.Context) (chan int, error) { return nil, nil }

func TestRowMistakes(t *testing.T) {
	t.Parallel()
	broker := transport.Config{URI: "amqp://127.0.0.1:1"}
	_, err := service.New(service.Config{}, &Wrong{}, service.Configure(broker), service.Configure(jobs.Config{Store: openSQLite(t)}))
	for _, want := range []string{
		"Empty: the tag must name the job",
		`Dotted: job "a.b" contains a dot: write "a_b"`,
		`Retry: retry: "soon" is not a delay`,
		`Queue: queue "a b": must have only letters`,
		"Done: done: parameter 1 of Work after ctx must be jobs.Outcome",
		"Two: is called one, as the row One is",
		"Chan: result",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no mistake %q in:\n%v", want, err)
		}
	}
}
