package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Feeds has jobs that are unique, and jobs of a resource, in two queues.
type Feeds struct {
	_ service.Name `service:"feeds"`

	Entrypoints struct {
		Sync jobs.Job `jobs:"sync(tenant_id, full=False)" unique:"tenant_id" resource:"tenant:{tenant_id}"`
		Once jobs.Job `jobs:"once(url, width=200)" unique:"true" unique_for:"1h"`
		Load jobs.Job `jobs:"load(name)" resource:"feeds" retry:"20ms"`
		Slow jobs.Job `jobs:"slow(name)" resource:"feeds" queue:"slow" retry:"1h" on_retry:"pass"`
	}

	*diary
}

// A diary records which jobs run.
type diary struct {
	work func(ctx context.Context, what string) error // nil returns at once

	mu      sync.Mutex
	running []string
	began   []string
	overlap []string
}

func (d *diary) run(ctx context.Context, what string) (string, error) {
	d.mu.Lock()
	if len(d.running) > 0 {
		d.overlap = append(d.overlap, fmt.Sprint(what, " beside ", d.running))
	}
	d.running = append(d.running, what)
	d.began = append(d.began, what)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running = slices.DeleteFunc(d.running, func(s string) bool { return s == what })
	}()
	if d.work == nil {
		return what, nil
	}
	return what, d.work(ctx, what)
}

func (d *diary) history() []string { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.began) }

func (f *Feeds) Sync(ctx context.Context, tenantID int, _ bool) (string, error) {
	return f.run(ctx, fmt.Sprint("tenant ", tenantID))
}

func (f *Feeds) Once(ctx context.Context, url string, width int) (string, error) {
	return f.run(ctx, fmt.Sprint(url, width))
}
func (f *Feeds) Load(ctx context.Context, name string) (string, error) { return f.run(ctx, name) }
func (f *Feeds) Slow(ctx context.Context, name string) (string, error) { return f.run(ctx, name) }

// FeedJobs is the client of Feeds.
type FeedJobs struct {
	_ jobs.Client `jobs:"feeds"`

	Sync func(ctx context.Context, tenantID int, o ...jobs.Option) (jobs.Ref[string], error)            `jobs:"sync(tenant_id)"`
	Full func(ctx context.Context, tenantID int, full bool, o ...jobs.Option) (jobs.Ref[string], error) `jobs:"sync(*, tenant_id, full)"`
	Once func(ctx context.Context, url string, width float64) (jobs.Ref[string], error)                 `jobs:"once"`
	URL  func(ctx context.Context, url string) (jobs.Ref[string], error)                                `jobs:"once(url)"`
	Load func(ctx context.Context, name string, o ...jobs.Option) (jobs.Ref[string], error)             `jobs:"load"`
	Slow func(ctx context.Context, name string) (jobs.Ref[string], error)                               `jobs:"slow"`
}

// id returns the id of an enqueued job.
func id(t *testing.T) func(jobs.Ref[string], error) string {
	return func(ref jobs.Ref[string], err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return ref.ID()
	}
}

// TestUniqueJobs enqueues jobs with the same keys in all ways, while the first job with a key runs
// and later.
func TestUniqueJobs(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		begun, release := make(chan string, 10), make(chan struct{})
		d := &diary{work: func(ctx context.Context, what string) error {
			begun <- what
			<-release
			return nil
		}}
		e := newEnqueuer(t, uri, jobs.Config{Store: s})
		c, err := jobs.Bind[FeedJobs](e)
		if err != nil {
			t.Fatal(err)
		}
		// Before a worker has written what is unique, two jobs with a key are enqueued. Then the
		// older one gets the key.
		first := id(t)(c.Sync(t.Context(), 7))
		if second := id(t)(c.Sync(t.Context(), 7)); second == first {
			t.Error("the second job is the first one")
		}
		startWorker(t, uri, jobs.Config{Store: s}, 10, &Feeds{diary: d})
		hosttest.Next(t, begun)
		for _, again := range []string{id(t)(c.Sync(t.Context(), 7)), id(t)(c.Full(t.Context(), 7, true))} {
			if again != first {
				t.Errorf("got job %s, want %s", again, first)
			}
		}
		publish(t, uri, "feeds.sync", "message", `{"args":[7.0],"kwargs":{}}`)
		publish(t, uri, "feeds.load", "after", `{"args":["x"],"kwargs":{}}`)
		reach(t, s, "after", store.Running)
		if found, err := s.Get(t.Context(), "message"); err != nil || len(found) > 0 {
			t.Errorf("a message has enqueued %+v, %v", found, err)
		}
		close(release)
		reach(t, s, first, store.Succeeded)
		hosttest.Eventually(t, "the key is free", func() bool { return id(t)(c.Sync(t.Context(), 7)) != first })

		once := id(t)(c.URL(t.Context(), "a"))
		reach(t, s, once, store.Succeeded)
		if again := id(t)(c.Once(t.Context(), "a", 200)); again != once {
			t.Errorf("got job %s within the hour, want %s", again, once)
		}
		if other := id(t)(c.Once(t.Context(), "a", 200.5)); other == once {
			t.Errorf("other arguments are job %s too", other)
		}
		found, err := s.Get(t.Context(), once)
		if err != nil || found[0].UniqueKey != `["a",200]` || found[0].UniqueUntil.Sub(found[0].Created).Hours() != 1 {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// TestResources runs jobs of one resource with two workers and in two queues: one at a time, in
// order. A job that waits for its next attempt holds up the others, unless its row lets them pass.
func TestResources(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		failed := map[string]bool{}
		d := &diary{work: func(_ context.Context, what string) error {
			if strings.HasPrefix(what, "fails") && !failed[what] {
				failed[what] = true
				return errors.New("not yet")
			}
			return nil
		}}
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Feeds{diary: d})
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Feeds{diary: d})
		c, err := jobs.Bind[FeedJobs](newEnqueuer(t, uri, jobs.Config{Store: s}))
		if err != nil {
			t.Fatal(err)
		}
		var last, want []string
		enqueue := func(what string) {
			f := c.Load
			if len(want)%3 == 1 && what != "fails" || what == "fails and passes" {
				f = func(ctx context.Context, what string, _ ...jobs.Option) (jobs.Ref[string], error) {
					return c.Slow(ctx, what)
				}
			}
			last = append(last, id(t)(f(t.Context(), what)))
			if want = append(want, what); what == "fails" {
				want = append(want, what)
			}
		}
		for i := range 10 {
			enqueue(fmt.Sprint(i))
			switch i {
			case 4:
				enqueue("fails")
			case 6:
				enqueue("fails and passes")
			}
		}
		reach(t, s, last[len(last)-1], store.Succeeded)
		if got := d.history(); !slices.Equal(got, want) || len(d.overlap) > 0 {
			t.Errorf("began %q, want %q; overlaps: %q", got, want, d.overlap)
		}
	})
}

// TestResourcesOfArguments runs the jobs of two tenants at the same time.
func TestResourcesOfArguments(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		begun, release := make(chan string, 10), make(chan struct{})
		d := &diary{work: func(_ context.Context, what string) error {
			begun <- what
			<-release
			return nil
		}}
		defer close(release)
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Feeds{diary: d})
		for i, tenant := range []string{"1", "2"} {
			publish(t, uri, "feeds.sync", tenant, `{"args":[`+tenant+`],"kwargs":{}}`)
			if j := reach(t, s, tenant, store.Running); j.Resource != "tenant:"+tenant || len(begun) > i+1 {
				t.Errorf("got %+v", j)
			}
		}
	})
}

// TestEditedArguments reruns a job with other arguments. The worker that claims it gives it their
// resource and their key.
func TestEditedArguments(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		d := new(diary)
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Feeds{diary: d})
		publish(t, uri, "feeds.sync", "edited", `{"args":[1],"kwargs":{}}`)
		reach(t, s, "edited", store.Succeeded)
		if j, err := s.Retry(t.Context(), "edited", []byte(`{"args":[2]}`)); err != nil || j.Resource != "" || j.UniqueKey != "" {
			t.Fatalf("got %+v, %v", j, err)
		}
		hosttest.Eventually(t, "it has run again", func() bool { return len(d.history()) == 2 })
		j := reach(t, s, "edited", store.Succeeded)
		if got := d.history(); got[1] != "tenant 2" || j.Resource != "tenant:2" || j.UniqueKey != "[2]" || j.Attempt != 2 {
			t.Errorf("ran %q as %+v", got, j)
		}
	})
}

// TestRefusedMessage checks the answer to a message if another job has its key.
func TestRefusedMessage(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := openSQLite(t)
		release := make(chan struct{})
		d := &diary{work: func(context.Context, string) error { <-release; return nil }}
		startWorker(t, uri, jobs.Config{Store: s}, 4, &Feeds{diary: d})
		publish(t, uri, "feeds.sync", "first", `{"args":[1],"kwargs":{}}`)
		reach(t, s, "first", store.Running)
		// A client without the workers' store waits for the outcome through reply_to.
		ref, err := newEnqueuer(t, uri, jobs.Config{}).Client("feeds").Enqueue(t.Context(), "sync", 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ref.Wait(t.Context())
		if !errors.Is(err, jobs.ErrCancelled) || !strings.Contains(err.Error(), "job first has its unique key") {
			t.Errorf("got %v", err)
		}
		close(release)
	})
}

// TestResourcesWithoutStore runs the jobs of a resource in two processes without a store: one at a
// time, in the order of their messages.
func TestResourcesWithoutStore(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		d := new(diary)
		startWorker(t, uri, jobs.Config{}, 4, &Files{diary: d})
		startWorker(t, uri, jobs.Config{}, 4, &Files{diary: d})
		e := newEnqueuer(t, uri, jobs.Config{})
		var want []string
		for i := range 12 {
			name := []string{"read", "write"}[i%2]
			ref, err := e.Client("files").Enqueue(t.Context(), name, fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(i))
			if i < 11 {
				continue
			}
			if _, err := ref.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.history(); !slices.Equal(got, want) || len(d.overlap) > 0 {
			t.Errorf("began %q, want %q; overlaps: %q", got, want, d.overlap)
		}
	})
}

// Files has jobs of a resource that need no store.
type Files struct {
	_ service.Name `service:"files"`

	Entrypoints struct {
		Read  jobs.Job `jobs:"read(name)" resource:"disk"`
		Write jobs.Job `jobs:"write(name)" resource:"disk" queue:"slow"`
	}

	*diary
}

func (f *Files) Read(ctx context.Context, name string) (string, error)  { return f.run(ctx, name) }
func (f *Files) Write(ctx context.Context, name string) (string, error) { return f.run(ctx, name) }

// Shop enqueues jobs of Feeds in a call.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Buy rpc.Method `rpc:"buy"`
	}

	Feeds FeedJobs

	buy func(ctx context.Context, feeds FeedJobs)
}

func (s *Shop) Buy(ctx context.Context) error {
	s.buy(ctx, s.Feeds)
	return nil
}

// TestUniqueEagerJobs checks that an eager job which enqueues itself gets its own Ref.
func TestUniqueEagerJobs(t *testing.T) {
	t.Parallel()
	d := new(diary)
	shop := &Shop{buy: func(ctx context.Context, c FeedJobs) {
		var inner string
		d.work = func(ctx context.Context, what string) error {
			inner = id(t)(c.Sync(ctx, 7))
			d.work = nil
			return nil
		}
		first := id(t)(c.Sync(ctx, 7))
		if inner != first {
			t.Errorf("job %s has enqueued job %s", first, inner)
		}
		if second := id(t)(c.Sync(ctx, 7)); second == first {
			t.Error("the job has ended and still has its key")
		}
		once := id(t)(c.URL(ctx, "a"))
		ref, err := c.Once(ctx, "a", 200)
		if id(t)(ref, err) != once {
			t.Errorf("job %s within the hour, want %s", ref.ID(), once)
		}
		if got, err := ref.Wait(ctx); got != "a200" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}}
	h := servicetest.New(t, &Feeds{diary: d}, shop, jobs.Eager)
	if err := h.Client("shop").Call(t.Context(), "buy", nil); err != nil {
		t.Error(err)
	}
}
