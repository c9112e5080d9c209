package jobs_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// eachServer runs f with each broker and each database, both empty.
func eachServer(t *testing.T, f func(t *testing.T, uri string, s *store.Store)) {
	t.Helper()
	brokertest.Each(t, func(t *testing.T, uri string) {
		t.Run("sqlite", func(t *testing.T) { f(t, uri, openSQLite(t)) })
		t.Run("postgres", func(t *testing.T) { f(t, uri, openPostgres(t)) })
	})
}

// openSQLite returns a store in a new file, with its tables.
func openSQLite(t testing.TB) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, s)
	return s
}

// openPostgres returns a store in a new schema, with its tables.
func openPostgres(t testing.TB) *store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), hosttest.Schema(t))
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, s)
	return s
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

// migrate creates the tables of a store, and closes it when the test ends.
func migrate(t testing.TB, s *store.Store) {
	t.Helper()
	t.Cleanup(func() { s.Close() })
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// startWorker hosts services with a store.
func startWorker(t testing.TB, uri string, cfg jobs.Config, workers int, services ...any) *hosttest.Host {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Service: service.Config{MaxWorkers: workers}, Broker: transport.Config{URI: uri}},
		append(services, service.Configure(cfg))...)
}

// publish publishes a message like a program in another language.
func publish(t testing.TB, uri, key, id, body string) {
	t.Helper()
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	err := conn.Publish(t.Context(), transport.Publishing{
		Exchange: "gomeko.jobs", Key: key, Mandatory: true, Body: []byte(body),
		Properties: transport.Properties{ContentType: "application/json", MessageID: id, Persistent: true},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// insert inserts a job into the store without a message.
func insert(t testing.TB, s *store.Store, id, name, args string, change ...func(*store.New)) {
	t.Helper()
	j := store.New{
		ID: id, Service: "images", Name: name, Queue: "gomeko.jobs.images", ContentType: "application/json",
		Payload: []byte(`{"args":` + args + `,"kwargs":{}}`),
	}
	for _, c := range change {
		c(&j)
	}
	if added, err := s.Insert(t.Context(), j); err != nil || !added[0].Added {
		t.Fatalf("insert %s: %v, %v", id, added, err)
	}
}

// reach waits until a job reaches a state.
func reach(t testing.TB, s *store.Store, id string, state store.State) store.Job {
	t.Helper()
	j := hosttest.Poll(func() (store.Job, bool) {
		all, err := s.Get(context.Background(), id)
		if err != nil || len(all) == 0 {
			return store.Job{}, false
		}
		return all[0], all[0].State == state
	})
	if j.State != state {
		t.Fatalf("job %s is %+v, want it %s", id, j, state)
	}
	return j
}

// Images is a service of jobs.
type Images struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url, width=200)" done:"Resized"`
		Wait   jobs.Job `jobs:"wait(url)" retry:"20ms 30ms"`
		Alone  jobs.Job `jobs:"alone(url)" max_workers:"1" method:"Wait"`
		Short  jobs.Job `jobs:"short(url)" timeout:"50ms" method:"Wait"`
	}

	Script *script
}

// A script tells the methods of Images what to do, and records what they have done.
type script struct {
	wait  func(ctx context.Context, url string) error // nil returns nil
	calls chan string
	done  chan jobs.Outcome
	hook  func(o jobs.Outcome) error
}

func newScript() *script {
	return &script{calls: make(chan string, 1000), done: make(chan jobs.Outcome, 1000)}
}

func (i *Images) Resize(_ context.Context, url string, width int) (Image, error) {
	i.Script.calls <- url
	return Image{Width: width}, nil
}

func (i *Images) Resized(_ context.Context, o jobs.Outcome) error {
	i.Script.done <- o
	if i.Script.hook != nil {
		return i.Script.hook(o)
	}
	return nil
}

func (i *Images) Wait(ctx context.Context, url string) error {
	i.Script.calls <- url
	if i.Script.wait == nil {
		return nil
	}
	return i.Script.wait(ctx, url)
}

// TestJob runs a job enqueued by another language.
func TestJob(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		startWorker(t, uri, jobs.Config{Store: s}, 10, &Images{Script: script})
		publish(t, uri, "images.resize", "first", `{"args":["a.png"],"kwargs":{"width":300}}`)
		if url := hosttest.Next(t, script.calls); url != "a.png" {
			t.Errorf("called with %s", url)
		}
		o := hosttest.Next(t, script.done)
		var image Image
		if err := o.Decode(&image); err != nil || image.Width != 300 || o.ID != "first" || o.State != store.Succeeded {
			t.Errorf("the hook got %+v: %v, %v", o, image, err)
		}
		j := reach(t, s, "first", store.Succeeded)
		if string(j.Result) != `{"width":300}` || j.Attempt != 1 || j.Queue != "gomeko.jobs.images" {
			t.Errorf("recorded %+v with the result %s", j, j.Result)
		}
		hosttest.Eventually(t, "the hook has run", func() bool {
			all, err := s.Get(t.Context(), "first")
			return err == nil && all[0].Hook == store.HookRan
		})
		publish(t, uri, "images.resize", "first", `{"args":["again.png"],"kwargs":{}}`)
		publish(t, uri, "images.resize", "second", `{"id": "x", "name": "resize", "args":["b.png"],"kwargs":{}}`)
		if url := hosttest.Next(t, script.calls); url != "b.png" {
			t.Errorf("called with %s: a message that came twice ran twice", url)
		}
		for start := time.Now(); ; {
			if brokertest.Depth(t, uri, "gomeko.jobs.images") == 0 {
				break
			}
			if time.Since(start) > hosttest.Timeout {
				t.Fatal("messages are left in the queue")
			}
		}
	})
}
