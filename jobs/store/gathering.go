package store

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A gathering batches jobs that callers insert one by one. While a statement runs, the jobs of other
// callers gather; the next statement inserts them together, because a synced commit costs as much
// for one job as for many.
type gathering struct {
	mu      sync.Mutex
	waiting []*single
	running int // goroutines that are inserting
}

// A single is a job that one caller inserts.
type single struct {
	ctx      context.Context
	row      newRow
	inserted Inserted
	err      error
	done     chan struct{} // closed when inserted and err are set
}

// gatherers is how many statements insert single jobs at the same time in a database with several
// writers, so that the second caller's job need not wait for the first one's.
const gatherers = 2

// insertSingle inserts a job together with those of other callers.
func (s *Store) insertSingle(ctx context.Context, row newRow) ([]Inserted, error) {
	x := &single{ctx: ctx, row: row, done: make(chan struct{})}
	g := &s.gathering
	g.mu.Lock()
	g.waiting = append(g.waiting, x)
	if g.running == 0 || g.running < gatherers && !s.dialect.single {
		g.running++
		go s.insertGathered()
	}
	g.mu.Unlock()
	select {
	case <-x.done:
		if x.err != nil {
			return nil, x.err
		}
		return []Inserted{x.inserted}, nil
	case <-ctx.Done():
		return nil, s.wrap(context.Cause(ctx))
	}
}

// insertGathered inserts jobs until none is waiting.
func (s *Store) insertGathered() {
	g := &s.gathering
	for {
		g.mu.Lock()
		part := g.waiting[:min(len(g.waiting), batch)]
		g.waiting = g.waiting[len(part):]
		if len(part) == 0 {
			g.running--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		part = slices.DeleteFunc(part, func(x *single) bool { return x.ctx.Err() != nil }) // its caller has given up
		if len(part) > 0 {
			s.insertTogether(part)
		}
	}
}

// insertTogether inserts jobs with one statement. If that fails, it inserts each job by itself,
// because the database may have refused only one of them.
func (s *Store) insertTogether(part []*single) {
	// All processes insert unique keys in the same order, so that statements do not deadlock.
	slices.SortStableFunc(part, func(a, b *single) int { return cmp.Compare(a.row.Key, b.row.Key) })
	rows := make([]newRow, len(part))
	for i, x := range part {
		rows[i] = x.row
	}
	ctx, stop := union(part)
	inserted, err := s.insert(ctx, rows)
	stop()
	if err != nil && len(part) > 1 {
		var each sync.WaitGroup
		for _, x := range part {
			each.Go(func() { s.insertTogether([]*single{x}) })
		}
		each.Wait()
		return
	}
	for i, x := range part {
		if x.err = err; err == nil {
			x.inserted = inserted[i]
		}
		close(x.done)
	}
}

// union returns a context that is cancelled when the contexts of all callers are. Call stop to
// release it.
func union(part []*single) (_ context.Context, stop func()) {
	if len(part) == 1 {
		return part[0].ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	var left atomic.Int64
	left.Store(int64(len(part)))
	stops := make([]func() bool, len(part))
	for i, x := range part {
		stops[i] = context.AfterFunc(x.ctx, func() {
			if left.Add(-1) == 0 {
				cancel(context.Cause(x.ctx))
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}
