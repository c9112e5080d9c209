package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestRefused lets the database reject one job and one outcome. Others in the same statement are
// not affected.
func TestRefused(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		file := filepath.Join(t.TempDir(), "jobs.db")
		s, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		migrate(t, s)
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		execute(t, db, `CREATE TRIGGER job BEFORE INSERT ON gomeko_job WHEN NEW.id = 'poison' BEGIN SELECT raise(ABORT, 'no'); END`)
		execute(t, db, `CREATE TRIGGER outcome BEFORE UPDATE ON gomeko_job WHEN NEW.id LIKE 'spoiled%' AND NEW.state = 'succeeded' BEGIN SELECT raise(ABORT, 'no'); END`)
		execute(t, db, `CREATE TRIGGER failure BEFORE UPDATE ON gomeko_job WHEN NEW.id = 'lost' AND NEW.state <> 'running' BEGIN SELECT raise(ABORT, 'no'); END`)
		script, begin := newScript(), make(chan struct{})
		script.wait = func(context.Context, string) error { <-begin; return nil }
		w := startWorker(t, uri, jobs.Config{Store: s}, 20, &Images{Script: script})
		ids := []string{"a", "poison", "b", "spoiled wait", "spoiled resize", "lost", "c"}
		for _, id := range ids {
			name := "wait"
			if strings.HasSuffix(id, "resize") {
				name = "resize"
			}
			publish(t, uri, "images."+name, id, `{"args":["`+id+`"],"kwargs":{}}`)
		}
		for range len(ids) - 1 {
			hosttest.Next(t, script.calls)
		}
		close(begin)
		for _, id := range []string{"a", "b", "c"} {
			reach(t, s, id, store.Succeeded)
		}
		for _, id := range []string{"spoiled wait", "spoiled resize"} {
			if j := reach(t, s, id, store.Failed); !strings.Contains(j.Error, "its outcome was refused") {
				t.Errorf("recorded %+v", j)
			}
		}
		if o := hosttest.Next(t, script.done); o.ID != "spoiled resize" || o.State != store.Failed {
			t.Errorf("the hook got %+v", o)
		}
		w.Log.Wait(t, 1, "message dropped", "message_id=poison")
		w.Log.Wait(t, 1, "is not recorded: its database refuses it", "job=lost")
		if n := brokertest.Depth(t, uri, "gomeko.jobs.images"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// Studio is a service whose jobs report and return values that cannot be recorded.
type Studio struct {
	_ service.Name `service:"studio"`

	Entrypoints struct {
		Render jobs.Job `jobs:"render(size)"`
	}
}

func (*Studio) Render(ctx context.Context, size int) (string, error) {
	jobs.Progress(ctx, math.NaN(), "\xff\x00"+strings.Repeat("x", 1000))
	return strings.Repeat("x", size), nil
}

// TestLargeResult returns a result that is larger than a message, and reports a progress that is
// not a number.
func TestLargeResult(t *testing.T) {
	t.Parallel()
	uri, s := brokertest.Embedded(t), openSQLite(t)
	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, MaxMessage: 1000}}, &Studio{}, service.Configure(jobs.Config{Store: s}))
	for size, want := range map[int]store.State{900: store.Succeeded, 999: store.Failed} {
		id := fmt.Sprint(size)
		insert(t, s, id, "render", "["+id+"]", func(j *store.New) { j.Service, j.Queue = "studio", "gomeko.jobs.studio" })
		if j := reach(t, s, id, want); want == store.Failed && !strings.Contains(j.Error, "1001 bytes are over max_message, 1000") {
			t.Errorf("recorded %+v", j)
		}
	}
	if lines := h.Log.Lines("does not answer"); len(lines) > 0 {
		t.Errorf("the store was not away: %q", lines[0])
	}
}

// TestCancelStorm cancels many waiting jobs. Their hooks run a few at a time, in all processes.
func TestCancelStorm(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		const many = 200
		script, begin := newScript(), make(chan struct{})
		script.hook = func(jobs.Outcome) error { <-begin; return nil }
		all := make([]store.New, many)
		for i := range all {
			all[i] = store.New{
				ID: fmt.Sprint(i), Service: "images", Name: "resize", Queue: "gomeko.jobs.images", ContentType: "application/json",
				Payload: []byte(`{"args":["a"],"kwargs":{}}`),
			}
		}
		if _, err := s.Insert(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
		for _, j := range all {
			for range 2 { // the second time, it has been cancelled already
				if _, err := s.Cancel(t.Context(), j.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		startWorker(t, uri, jobs.Config{Store: s}, 100, &Images{Script: script})
		for range 20 {
			hosttest.Next(t, script.done)
		}
		found, err := s.List(t.Context(), store.Filter{Limit: many})
		running := 0
		for _, j := range found {
			if j.Hook == store.HookRunning {
				running++
			}
		}
		if err != nil || running != 20 {
			t.Errorf("got %d hooks at once, %v, want 20", running, err)
		}
		close(begin)
		for range many - 20 {
			hosttest.Next(t, script.done)
		}
	})
}

// TestHostileIDs queries jobs by ids that no job can have.
func TestHostileIDs(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			insert(t, s, "good", "resize", "[]")
			e, err := jobs.NewEnqueuer(t.Context(), nil, jobs.Config{Store: s})
			if err != nil {
				t.Fatal(err)
			}
			defer hosttest.Close(t, e.Close)
			for _, id := range []string{"", "a\x00b", "\xff", strings.Repeat("i", 300), "' OR 1=1 --", "%", "\x1b[2J"} {
				_, found := jobs.Find[int](t.Context(), e.Client("images"), id)
				_, cancelled := s.Cancel(t.Context(), id)
				_, retried := s.Retry(t.Context(), id, nil)
				for _, err := range []error{found, cancelled, retried} {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("%q: got %v", id, err)
					}
				}
				if all, err := s.Attempts(t.Context(), id); err != nil || len(all) > 0 {
					t.Errorf("%q: got %v, %v", id, all, err)
				}
			}
			if found, err := s.Get(t.Context(), "\xff", "good", "a\x00"); err != nil || len(found) != 1 {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
}
