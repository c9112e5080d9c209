package talk_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	talk "github.com/gomeko/gomeko/examples/jobs"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A stage runs the example.
type stage struct {
	*servicetest.Host
	enqueuer *jobs.Enqueuer
	jobs     talk.TalkJobs
	log      *logs
	uri      string
}

// newStage runs the example on a broker in memory, with a store in a new SQLite file.
func newStage(t *testing.T) *stage {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &stage{log: new(logs), uri: brokertest.Embedded(t)}
	logger := slog.New(service.NewLogHandler(slog.NewTextHandler(io.MultiWriter(s.log, t.Output()), &slog.HandlerOptions{Level: slog.LevelDebug})))
	s.Host = servicetest.New(t, talk.Module, service.Config{Logger: logger},
		service.Configure(transport.Config{URI: s.uri}), service.Configure(jobs.Config{Store: db}))
	s.enqueuer, err = jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: s.uri}), jobs.Config{Store: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.enqueuer.Close(context.Background()) })
	if s.jobs, err = jobs.Bind[talk.TalkJobs](s.enqueuer); err != nil {
		t.Fatal(err)
	}
	return s
}

// logs keeps the log.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// await waits until a line contains all of the words.
func (l *logs) await(t *testing.T, words ...string) {
	t.Helper()
	hosttest.Eventually(t, strings.Join(words, " ")+" is logged", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for line := range strings.Lines(l.text.String()) {
			found := true
			for _, word := range words {
				found = found && strings.Contains(line, word)
			}
			if found {
				return true
			}
		}
		return false
	})
}

// The talk's sample: a sum of 1, 2 and 3.
func TestAdderJob(t *testing.T) {
	s := newStage(t)
	ref, err := s.jobs.Add(t.Context(), []int{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := ref.Wait(t.Context()); sum != 6 || err != nil {
		t.Errorf("got %d, %v, want 6", sum, err)
	}
	if sum, err := talk.Add(t.Context(), s.uri, 1, 2, 3, 4); sum != 10 || err != nil {
		t.Errorf("the program got %d, %v, want 10", sum, err)
	}
	// A client that does not know the job's type enqueues it by name.
	other, err := s.enqueuer.Client("talk").Enqueue(t.Context(), "adder_job", 4, 5)
	if err != nil {
		t.Fatal(err)
	}

	if sum, err := other.Wait(t.Context()); string(sum) != "9" || err != nil {
		t.Errorf("got %s, %v, want 9", sum, err)
	}
}

// Desk enqueues jobs.
type Desk struct {
	_ service.Name `service:"desk"`

	Entrypoints struct {
		Add rpc.Method `rpc:"add(*args)"`
	}

	Jobs talk.TalkJobs
}

func (d *Desk) Add(ctx context.Context, args []int) (int, error) {
	ref, err := d.Jobs.Add(ctx, args)
	if err != nil {
		return 0, err
	}
	return ref.Wait(ctx)
}

// The talk's sample of eager mode: the client runs the job without a broker and without a store.
func TestEager(t *testing.T) {
	h := servicetest.New(t, talk.Module, new(Desk), jobs.Eager)
	if sum, err := h.Run(t.Context(), "desk.Add", 1, 2, 3); sum != 6 || err != nil {
		t.Errorf("got %v, %v, want 6", sum, err)
	}
	if list := h.Enqueued("talk.adder_job"); len(list) != 1 || list[0].Args != "[1,2,3]" {
		t.Errorf("enqueued %+v", list)
	}
}

// A method can also be tested by calling it.
func TestAdder(t *testing.T) {
	if sum, err := new(talk.Talk).Adder(t.Context(), []int{1, 2, 3}); sum != 6 || err != nil {
		t.Errorf("got %d, %v, want 6", sum, err)
	}
}

// A process that knows only the ID finds the job.
func TestDummyResultJob(t *testing.T) {
	s := newStage(t)
	client := s.enqueuer.Client("talk")
	if _, err := client.Enqueue(t.Context(), "dummy_result_job", jobs.ID("1234")); err != nil {
		t.Fatal(err)
	}
	ref, err := jobs.Find[any](t.Context(), client, "1234")
	if err != nil {
		t.Fatal(err)
	}
	if result, err := ref.Wait(t.Context()); result != nil || err != nil {
		t.Errorf("got %v, %v, want no result", result, err)
	}
	if status, err := ref.Status(t.Context()); err != nil || status.State != store.Succeeded {
		t.Errorf("got %+v, %v", status, err)
	}
	if _, err := jobs.Find[any](t.Context(), client, "1235"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want no such job", err)
	}
}

func TestTimedJob(t *testing.T) {
	s := newStage(t)
	client := s.enqueuer.Client("talk")
	ref, err := client.Enqueue(t.Context(), "timed_job", 0.01)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := ref.Wait(t.Context()); string(size) != "71" || err != nil {
		t.Errorf("got %s, %v, want 71", size, err)
	}
	s.log.await(t, "finished", "name=timed_job", "took=")
	s.log.await(t, "tear down", "row=Timed")

	// A running job is cancelled, and torn down.
	if ref, err = client.Enqueue(t.Context(), "timed_job", 3600); err != nil {
		t.Fatal(err)
	}
	hosttest.Eventually(t, "the job runs", func() bool {
		status, err := ref.Status(t.Context())
		return err == nil && status.State == store.Running
	})
	if err := ref.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := ref.Wait(t.Context()); !errors.Is(err, jobs.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
}

func TestLoggerJob(t *testing.T) {
	s := newStage(t)
	ref, err := s.jobs.Log(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ref.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	s.log.await(t, "Successfully finished job", "name=logger_job")
	if ref, err = s.jobs.Log(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	var failed *jobs.Error
	if _, err := ref.Wait(t.Context()); !errors.As(err, &failed) || failed.Attempts != 3 || !strings.Contains(failed.Text, "the disk is full") {
		t.Errorf("got %v, want a failure after 3 attempts", err)
	}
	s.log.await(t, "Failed job", "name=logger_job", "attempts=3", "the disk is full")
}

// The page enqueues a sum and shows it by its ID.
func TestPage(t *testing.T) {
	s := newStage(t)
	get := func(method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://page"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := s.HTTP().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var text bytes.Buffer
		if _, err := text.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, text.String()
	}
	status, body := get("POST", "/sums", `{"numbers": [1, 2, 3]}`)
	_, id, _ := strings.Cut(body, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	if status != http.StatusAccepted || id == "" {
		t.Fatalf("got %d, %s", status, body)
	}
	hosttest.Eventually(t, "the page shows the sum", func() bool {
		_, body = get("GET", "/sums/"+id, "")
		return strings.Contains(body, `"state":"succeeded","sum":6`)
	})
	if status, body := get("GET", "/sums/none", ""); status != http.StatusNotFound {
		t.Errorf("got %d, %s", status, body)
	}
}
