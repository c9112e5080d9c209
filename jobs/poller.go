package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
)

const (
	// pollMin and pollMax bound the time between two polls of the store. It doubles each time,
	// until another goroutine begins to wait.
	pollMin = 10 * time.Millisecond
	pollMax = 500 * time.Millisecond

	// pollTime limits the time of one poll.
	pollTime = 10 * time.Second

	// pollBatch limits the jobs in one statement.
	pollBatch = 500
)

// A poller polls the rows of all jobs that goroutines of the process wait for. It runs only while
// some wait.
type poller struct {
	look func(ctx context.Context, ids ...string) ([]store.Job, error) // without payloads and results
	get  func(ctx context.Context, ids ...string) ([]store.Job, error)
	life context.Context
	end  context.CancelFunc
	runs sync.WaitGroup
	wake chan struct{} // holds a token when a goroutine has begun to wait

	mu      sync.Mutex
	waiting map[string]map[*waiter]struct{} // by the id of the job
	running bool
	err     error // of the last poll
}

// A waiter is a goroutine that waits for one job.
type waiter struct {
	ended chan store.Job // receives the job's row when it has ended, or one without an ID if there is none
	last  store.Job      // guarded by the poller's mu
}

func newPoller(s *store.Store) *poller {
	life, end := context.WithCancel(context.Background())
	return &poller{look: s.Look, get: s.Get, life: life, end: end, wake: make(chan struct{}, 1), waiting: map[string]map[*waiter]struct{}{}}
}

// close ends all waiting and polling.
func (p *poller) close() {
	p.end()
	p.runs.Wait()
}

// wait waits until the job has ended.
func (p *poller) wait(ctx context.Context, id string) (Outcome, error) {
	w := &waiter{ended: make(chan store.Job, 1)}
	if !p.add(id, w) {
		return Outcome{}, errClosed
	}
	defer p.remove(id, w)
	select {
	case j := <-w.ended:
		if j.ID == "" {
			return Outcome{}, store.ErrNotFound
		}
		return OutcomeOf(&j), nil
	case <-p.life.Done():
		return Outcome{}, errClosed
	case <-ctx.Done():
		return Outcome{}, p.late(ctx, w)
	}
}

// errClosed is the error of a wait that was interrupted because the process stops.
var errClosed = errors.New("the process stops, and waits no longer for the job")

// late returns the error of a wait whose ctx ended.
func (p *poller) late(ctx context.Context, w *waiter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return fmt.Errorf("waiting for its outcome: %w: the store does not answer: %w", context.Cause(ctx), p.err)
	case w.last.ID == "":
		return fmt.Errorf("waiting for its outcome: %w", context.Cause(ctx))
	case w.last.Error != "":
		return fmt.Errorf("waiting for its outcome: %w: it is %s after %d attempts, the last error was: %s", context.Cause(ctx), w.last.State, w.last.Attempt, w.last.Error)
	}
	return fmt.Errorf("waiting for its outcome: %w: it is %s", context.Cause(ctx), w.last.State)
}

func (p *poller) add(id string, w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		return false
	}
	if p.waiting[id] == nil {
		p.waiting[id] = map[*waiter]struct{}{}
	}
	p.waiting[id][w] = struct{}{}
	if !p.running {
		p.running = true
		p.runs.Go(p.run)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return true
}

func (p *poller) remove(id string, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting[id], w)
	if len(p.waiting[id]) == 0 {
		delete(p.waiting, id)
	}
}

// run polls while any goroutine waits.
func (p *poller) run() {
	next := pollMin
	for {
		ids := p.ids()
		if ids == nil {
			return
		}
		for len(ids) > 0 {
			n := min(len(ids), pollBatch)
			p.visit(ids[:n])
			ids = ids[n:]
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
			next = min(2*next, pollMax)
		case <-p.wake:
			timer.Stop()
			next = pollMin
			if !wait.For(p.life, next) {
				return
			}
		case <-p.life.Done():
			timer.Stop()
			return
		}
	}
}

// ids returns the ids of the jobs to poll. If there are none, the poller no longer runs.
func (p *poller) ids() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.waiting {
		ids = append(ids, id)
	}
	p.running = ids != nil
	return ids
}

// visit polls the rows of jobs, and ends the waits for those that have ended.
func (p *poller) visit(ids []string) {
	ctx, cancel := context.WithTimeout(p.life, pollTime)
	defer cancel()
	found, err := p.look(ctx, ids...)
	var ended []string
	for _, j := range found {
		if j.State.Final() {
			ended = append(ended, j.ID)
		}
	}
	if err == nil && len(ended) > 0 {
		var whole []store.Job
		whole, err = p.get(ctx, ended...)
		found = append(slices.DeleteFunc(found, func(j store.Job) bool { return j.State.Final() }), whole...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	if err != nil {
		return
	}
	missing := make(map[string]bool, len(ids))
	for _, id := range ids {
		missing[id] = true
	}
	for _, j := range found {
		delete(missing, j.ID)
		for w := range p.waiting[j.ID] {
			w.last = j
			if j.State.Final() {
				w.end(j)
			}
		}
	}
	for id := range missing {
		for w := range p.waiting[id] {
			w.end(store.Job{})
		}
	}
}

// end passes the job to the waiter, once.
func (w *waiter) end(j store.Job) {
	select {
	case w.ended <- j:
	default:
	}
}
