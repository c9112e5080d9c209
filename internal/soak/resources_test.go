package soak_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// Three services change the same resources.
type (
	Products struct {
		_ service.Name `service:"products"`

		Entrypoints struct {
			Change jobs.Job `jobs:"change(what, number)" resource:"{what}" retry:"20ms*5"`
		}
	}
	Prices struct {
		_ service.Name `service:"prices"`

		Entrypoints struct {
			Change jobs.Job `jobs:"change(what, number)" resource:"{what}"`
		}
	}
	Photos struct {
		_ service.Name `service:"photos"`

		Entrypoints struct {
			Change jobs.Job `jobs:"change(what, number)" resource:"{what}" queue:"slow"`
		}
	}
)

// Change fails at the first attempt for one job in ten.
func (p *Products) Change(ctx context.Context, what string, number int) error {
	if err := timed(ctx, what); err != nil {
		return err
	}
	if number%10 == 0 && service.FromContext(ctx).Attempt == 1 {
		return errors.New("not yet")
	}
	return nil
}

func (p *Prices) Change(ctx context.Context, what string, _ int) error { return timed(ctx, what) }
func (p *Photos) Change(ctx context.Context, what string, _ int) error { return timed(ctx, what) }

func newShop() any { return hostOfJobs(new(Products), new(Prices), new(Photos)) }

// Jobs of three services change four resources, while the processes that run them are killed. The
// jobs of one service are enqueued in Python. No two jobs of a resource run at the same time, and
// they end in the order of their rows.
func TestResources(t *testing.T) {
	many, kills := 60, 3
	if whole() {
		many, kills = 600, 40
	}
	eachStore(t, func(t *testing.T, s *store.Store, url string) {
		uri := brokertest.Embedded(t)
		python := hosttest.Python(t, ".venv")
		w := newWatch(t)
		pool := make([]*process, 3)
		for i := range pool {
			pool[i] = &process{t: t, role: "shop", uri: uri, tell: w.tell, jobs: "1s -1 " + url}
			pool[i].start()
			t.Cleanup(pool[i].kill)
		}
		pool[0].wait() // until the queues exist
		var sending sync.WaitGroup
		sending.Go(func() {
			cmd := exec.CommandContext(t.Context(), python, "-", uri, fmt.Sprint(many/3))
			cmd.Stdin = strings.NewReader(enqueueInPython)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		e := newEnqueuer(t, uri, s)
		for i := range many / 3 {
			for _, service := range []string{"products", "prices"} {
				if _, err := e.Client(service).Enqueue(t.Context(), "change", fmt.Sprint("resource", i%4), i); err != nil {
					t.Fatal(err)
				}
			}
		}
		sending.Wait()
		chance := chance(t)
		for n := range kills {
			hosttest.Eventually(t, "further jobs have ended", func() bool {
				return count(t, s) >= int64(many*(n+1)/(kills+2))
			})
			p := pool[chance.IntN(len(pool))]
			w.kill(p)
			p.start()
		}
		hosttest.Eventually(t, "all jobs have ended", func() bool { return count(t, s) == int64(many) })
		for _, p := range pool {
			p.wait()
			p.stop()
		}
		deaths := w.checkOrder(t, s, many)
		w.checkOverlaps(t)
		t.Logf("%d jobs, %d processes killed, %d deaths: no overlaps, all in order", many, kills, deaths)
	})
}

const enqueueInPython = `
import sys
import uuid

import kombu

with kombu.Connection(sys.argv[1]) as connection:
    producer = connection.Producer()
    for i in range(int(sys.argv[2])):
        producer.publish(
            {"args": [], "kwargs": {"number": i, "what": "resource%d" % (i % 4)}},
            exchange="gomeko.jobs", routing_key="photos.change", mandatory=True, message_id=str(uuid.uuid4()), delivery_mode=2,
            serializer="json",
        )
`

// A watch records which processes worked on what, and when.
type watch struct {
	t *testing.T

	mu     sync.Mutex
	spells map[string]*spell   // by process, job and attempt
	killed map[int]time.Time   // when each process was killed, or a moment before
	refs   map[string][]string // the keys for which jobs were returned
}

// A spell is the time during which a job worked.
type spell struct {
	pid          int
	what, job    string
	attempt      int
	began, ended time.Time
}

func newWatch(t *testing.T) *watch {
	return &watch{t: t, spells: map[string]*spell{}, killed: map[int]time.Time{}, refs: map[string][]string{}}
}

// tell handles a line from a process.
func (w *watch) tell(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var s spell
	var verb string
	var at int64
	if words := strings.Fields(line); len(words) == 3 && words[0] == "enqueued" {
		w.refs[words[1]] = append(w.refs[words[1]], words[2])
		return
	}
	if _, err := fmt.Sscan(line, &verb, &s.pid, &s.what, &s.job, &s.attempt, &at); err != nil {
		w.t.Errorf("a process reported %q", line)
		return
	}
	s.job = s.job[strings.LastIndexByte(s.job, '.')+1:]
	key := fmt.Sprint(s.pid, s.job, s.attempt)
	if verb == "began" {
		s.began = time.Unix(0, at)
		w.spells[key] = &s
	} else {
		w.spells[key].ended = time.Unix(0, at)
	}
}

// kill kills a process.
func (w *watch) kill(p *process) {
	w.mu.Lock()
	w.killed[p.PID()] = time.Now()
	w.mu.Unlock()
	p.kill()
}

// all returns the spells for each what, in order. A spell without an end ended when its process was
// killed.
func (w *watch) all() map[string][]*spell {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string][]*spell{}
	for _, s := range w.spells {
		if s.ended.IsZero() {
			if s.ended = w.killed[s.pid]; s.ended.IsZero() {
				w.t.Errorf("job %s has begun attempt %d, and not ended it", s.job, s.attempt)
			} else if s.ended.Before(s.began) { // in the moment between the two
				s.ended = s.began
			}
		}
		all[s.what] = append(all[s.what], s)
	}
	for _, spells := range all {
		slices.SortFunc(spells, func(a, b *spell) int { return a.began.Compare(b.began) })
	}
	return all
}

// checkOverlaps checks that nothing was worked on twice at the same time.
func (w *watch) checkOverlaps(t *testing.T) {
	t.Helper()
	for what, spells := range w.all() {
		for i, s := range spells[1:] {
			if before := spells[i]; s.began.Before(before.ended) {
				t.Errorf("%s: job %s has begun %s before job %s has ended", what, s.job, before.ended.Sub(s.began), before.job)
			}
		}
	}
}

// checkOrder checks that the jobs of each resource did their work in the order of their rows. It
// returns the number of workers that died with jobs.
func (w *watch) checkOrder(t *testing.T, s *store.Store, many int) (deaths int) {
	t.Helper()
	seqs := map[string]int64{}
	for before := int64(0); ; {
		page, err := s.List(t.Context(), store.Filter{Before: before, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, j := range page {
			before = j.Seq
			seqs[j.ID] = j.Seq
			deaths += j.Deaths
		}
	}
	if len(seqs) != many {
		t.Errorf("got %d rows, want %d", len(seqs), many)
	}
	for what, spells := range w.all() {
		if !slices.IsSortedFunc(spells, func(a, b *spell) int { return cmp.Compare(seqs[a.job], seqs[b.job]) }) {
			var order []int64
			for _, s := range spells {
				order = append(order, seqs[s.job])
			}
			t.Errorf("%s: the jobs have worked in the order %d", what, order)
		}
	}
	return deaths
}
