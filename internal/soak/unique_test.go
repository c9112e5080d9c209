package soak_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Mirror is a service of unique jobs, which report when they run.
type Mirror struct {
	_ service.Name `service:"mirror"`

	Entrypoints struct {
		Refresh jobs.Job `jobs:"refresh(page, depth=1)" unique:"true"`
	}
}

// Refresh works for some time.
func (m *Mirror) Refresh(ctx context.Context, page, _ int) error {
	return timed(ctx, strconv.Itoa(page))
}

// timed reports that the job of ctx works on something, and until when.
func timed(ctx context.Context, what string) error {
	c := service.FromContext(ctx)
	began := time.Now()
	if _, err := fmt.Println("began", os.Getpid(), what, c.ID, c.Attempt, began.UnixNano()); err != nil {
		return err
	}
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := fmt.Println("ended", os.Getpid(), what, c.ID, c.Attempt, time.Now().UnixNano())
	return err
}

func newMirror() any { return hostOfJobs(new(Mirror)) }

// Many processes enqueue jobs for a few unique keys, each writing the arguments in a different way.
// There are never two unfinished jobs of a key, and no two run at the same time.
func TestUniqueJobs(t *testing.T) {
	many, keys, processes := 400, 20, 4
	if whole() {
		many, keys, processes = 10_000, 100, 20
	}
	eachStore(t, func(t *testing.T, s *store.Store, url string) {
		uri := brokertest.Embedded(t)
		w := newWatch(t)
		workers := make([]*process, 2)
		for i := range workers {
			workers[i] = &process{t: t, role: "mirror", uri: uri, tell: w.tell, jobs: "30s 3 " + url}
			workers[i].start()
			t.Cleanup(workers[i].kill)
			workers[i].wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var looking sync.WaitGroup
		looks := 0
		looking.Go(func() { looks = lookForTwo(ctx, t, s) })
		customers := make([]*process, processes)
		for i := range customers {
			customers[i] = &process{t: t, role: "customer", uri: uri, tell: w.tell, jobs: fmt.Sprintf("30s 3 %s %d %d %d", url, many/processes, keys, i)}
			customers[i].start()
			t.Cleanup(customers[i].kill)
		}
		for _, c := range customers {
			c.wait()
			c.stop()
		}
		hosttest.Eventually(t, "all jobs have ended", func() bool {
			found, err := s.List(t.Context(), store.Filter{States: []store.State{store.Scheduled, store.Queued, store.Running}})
			return err == nil && len(found) == 0
		})
		cancel()
		looking.Wait()
		for _, p := range workers {
			p.stop()
		}
		enqueued, distinct := w.checkRefs(t, s)
		if enqueued != many {
			t.Errorf("got %d enqueued, want %d", enqueued, many)
		}
		w.checkOverlaps(t)
		t.Logf("%d processes have enqueued %d times for %d keys: %d jobs, each at another time; %d looks", processes, enqueued, keys, distinct, looks)
	})
}

// lookForTwo repeatedly looks for two unfinished jobs of a key until ctx ends. It returns the
// number of checks.
func lookForTwo(ctx context.Context, t *testing.T, s *store.Store) (looks int) {
	for {
		found, err := s.List(ctx, store.Filter{States: []store.State{store.Scheduled, store.Queued, store.Running}, Limit: 1000})
		if ctx.Err() != nil {
			return looks
		}
		if err != nil {
			t.Error(err)
			return looks
		}
		looks++
		held := map[string]string{}
		for _, j := range found {
			if other := held[j.UniqueKey]; other != "" || j.UniqueKey == "" {
				t.Errorf("job %s has the key %q of job %s", j.ID, j.UniqueKey, other)
			}
			held[j.UniqueKey] = j.ID
		}
		select { // each check reads all waiting jobs
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// customer is a program that enqueues jobs of Mirror. It returns the exit status.
func customer() int {
	if err := enqueueMirrors(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func enqueueMirrors() error {
	ctx := context.Background()
	words := strings.Fields(os.Getenv(jobsVariable))
	var numbers [3]int // number of jobs, number of keys, and the number of the process
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(words[3+i]); err != nil {
			return err
		}
	}
	s, err := openStore(ctx, words[2])
	if err != nil {
		return err
	}
	defer s.Close()
	conn, err := transport.Dial(ctx, transport.Config{URI: os.Getenv("GOMEKO_SOAK_URI"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	e, err := jobs.NewEnqueuer(ctx, conn, jobs.Config{Store: s})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close(ctx) }()
	client := e.Client("mirror")
	for i := range numbers[0] {
		key := (i*7 + numbers[2]) % numbers[1]
		args := [][]any{{key}, {float64(key)}, {key, 1}, {kwargs{"page": key}}}[i%4]
		ref, err := client.Enqueue(ctx, "refresh", args...)
		for tries := 1; err != nil && tries < 10; tries++ { // with so many processes SQLite may be busy for long
			ref, err = client.Enqueue(ctx, "refresh", args...)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Println("enqueued", ref.ID(), key); err != nil {
			return err
		}
	}
	if _, err := fmt.Println(readyLine); err != nil {
		return err
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // closed when the process may end
	return nil
}

// kwargs are keyword arguments.
type kwargs map[string]any

// Members returns the names and the values.
func (k kwargs) Members() (names []string, values []any, err error) {
	for name, value := range k {
		names, values = append(names, name), append(values, value)
	}
	return names, values, nil
}

// checkRefs checks that each job that was returned by an enqueue has the right key. It returns the
// number of enqueues and the number of jobs.
func (w *watch) checkRefs(t *testing.T, s *store.Store) (enqueued, distinct int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, keys := range w.refs {
		found, err := s.Get(t.Context(), id)
		if err != nil || len(found) != 1 {
			t.Fatalf("job %s: %v, %v", id, found, err)
		}
		for _, key := range keys {
			if want := fmt.Sprintf("[%s,1]", key); found[0].UniqueKey != want {
				t.Errorf("job %s has the key %s, want %s", id, found[0].UniqueKey, want)
			}
		}
		enqueued += len(keys)
	}
	return enqueued, len(w.refs)
}
