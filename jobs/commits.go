package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// outbox reads the key outbox of a client's field.
func (c *clients) outbox(f *service.Field) (bool, error) {
	mode, err := f.Outbox()
	switch {
	case mode == service.OutboxMemory:
		return false, errors.New(`outbox:"memory" is for events and messages: write outbox:"database"`)
	case mode == service.OutboxDatabase && c.eager == nil && !c.cfg.hasStore():
		return false, fmt.Errorf(`outbox:"database" %w`, errNeedsStore)
	}
	c.outboxed = c.outboxed || mode == service.OutboxDatabase
	return mode == service.OutboxDatabase, err
}

// insertTx inserts a job in a transaction of the caller. The job's message is published after the
// commit.
func (e *Enqueuer) insertTx(ctx context.Context, h *handle, o options, n store.New, m transport.Publishing) error {
	err := e.store.CheckTx(ctx, o.tx)
	if err != nil {
		return err
	}
	inserted, err := e.place(ctx, n, func(ctx context.Context, jobs ...store.New) ([]store.Inserted, error) {
		return e.store.InsertTx(ctx, o.tx, jobs...)
	})
	if err != nil {
		return err
	}
	h.id = inserted.ID // that of the job that has its key
	if !inserted.Added || o.delayed() && e.alarm == nil {
		return nil
	}
	told := func(ctx context.Context) {
		switch {
		case o.delayed():
			e.alarm.in(o.delay())
		case e.conn != nil && e.conn.Away().IsZero():
			e.announce(ctx, m)
		}
	}
	if _, called := service.Transaction(ctx); called {
		return service.AfterCall(ctx, func(ctx context.Context) error { told(ctx); return nil })
	}
	e.commits.expect(e.store, n.ID, told)
	return nil
}

const (
	// commitMin and commitMax bound the time between two looks for jobs whose transaction may have
	// been committed. It doubles each time.
	commitMin = 5 * time.Millisecond
	commitMax = 320 * time.Millisecond

	// commitLooks limits the number of looks. After that, the sweeper of a worker finds the jobs.
	commitLooks = 8
)

// commits polls for jobs that programs have enqueued in transactions, because nothing reports when
// these are committed.
type commits struct {
	mu      sync.Mutex
	ended   bool
	waiting map[string]*expected // by id
	running bool
	end     context.CancelFunc
	runs    sync.WaitGroup
}

// An expected is a job that may be in the store soon.
type expected struct {
	told  func(ctx context.Context)
	looks int
}

// expect calls told once the store has a job.
func (c *commits) expect(s *store.Store, id string, told func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.waiting == nil {
		c.waiting = map[string]*expected{}
	}
	c.waiting[id] = &expected{told: told}
	if !c.running {
		var ctx context.Context
		ctx, c.end = context.WithCancel(context.Background())
		c.running = true
		c.runs.Go(func() { c.run(ctx, s) })
	}
}

// run looks for the jobs until none is expected.
func (c *commits) run(ctx context.Context, s *store.Store) {
	for pause := commitMin; wait.For(ctx, pause); pause = min(2*pause, commitMax) {
		ids := c.ids()
		if ids == nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, pollTime)
		found, err := s.Get(limited, ids[:min(len(ids), pollBatch)]...)
		cancel()
		if err != nil { // the sweeper finds them
			found = nil
		}
		for _, j := range found {
			c.mu.Lock()
			x := c.waiting[j.ID]
			delete(c.waiting, j.ID)
			c.mu.Unlock()
			if x != nil && j.State == store.Queued || x != nil && j.State == store.Scheduled {
				x.told(ctx)
			}
			pause = commitMin
		}
	}
}

// ids returns the ids of the jobs to look for. If there are none, run must return.
func (c *commits) ids() (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, x := range c.waiting {
		if x.looks++; x.looks > commitLooks {
			delete(c.waiting, id)
			continue
		}
		ids = append(ids, id)
	}
	if c.running = ids != nil; !c.running {
		c.end()
	}
	return ids
}

// close stops looking.
func (c *commits) close() {
	c.mu.Lock()
	c.ended = true
	if c.running {
		c.end()
	}
	c.mu.Unlock()
	c.runs.Wait()
}
