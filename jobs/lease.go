package jobs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// These are the causes (context.Cause) with which the context of a job's method is cancelled, apart
// from its timeout and the end of the process.
var (
	// ErrLeaseLost means that the process could not renew its lease on the job, because the
	// database was unreachable or the process was paused. Another worker may run the job now.
	ErrLeaseLost = errors.New("the lease of the job could not be renewed: another worker may run it now")

	// errCancel means that the job was cancelled.
	errCancel = errors.New("the job was cancelled")
)

// A lease is this process's hold on a job: while the job runs, until its outcome is recorded, and
// while its done hook runs.
type lease struct {
	*leases
	id       string
	attempt  int
	ctx      context.Context // ends before the lease does
	cancel   context.CancelCauseFunc
	timer    *time.Timer // ends ctx
	progress atomic.Pointer[progress]
}

// leases holds the leases of a process. One goroutine renews them all.
type leases struct {
	process *process

	mu   sync.Mutex
	held map[*lease]struct{}
	wake chan struct{} // holds a token after a lease was added
}

func (l *leases) init(p *process) {
	l.process, l.held, l.wake = p, map[*lease]struct{}{}, make(chan struct{}, 1)
}

// hold adds the lease of a job that was claimed by a statement sent at the time since. The lease's
// context is cancelled with ctx or, unless the lease is renewed, a sixth of its duration before it
// expires.
func (l *leases) hold(ctx context.Context, j *store.Job, since time.Time) *lease {
	h := &lease{leases: l, id: j.ID, attempt: j.Attempt}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	h.ctx = context.WithValue(h.ctx, runKey{}, h)
	h.timer = time.AfterFunc(l.left(since), func() { h.cancel(ErrLeaseLost) })
	l.mu.Lock()
	l.held[h] = struct{}{}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return h
}

// left returns how long a job may still run if its lease was taken or renewed by a statement sent
// at the time since.
func (l *leases) left(since time.Time) time.Duration {
	return l.process.lease()*5/6 - time.Since(since)
}

// drop removes the lease.
func (h *lease) drop() {
	h.timer.Stop()
	h.cancel(nil)
	h.mu.Lock()
	delete(h.held, h)
	h.mu.Unlock()
}

// lost reports whether the process has lost the job.
func (h *lease) lost() bool { return errors.Is(context.Cause(h.ctx), ErrLeaseLost) }

// all returns the leases by the ids of their jobs.
func (l *leases) all() map[string][]*lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	byID := make(map[string][]*lease, len(l.held))
	for h := range l.held {
		byID[h.id] = append(byID[h.id], h)
	}
	return byID
}

// run renews the leases, checks whether their jobs were cancelled, and writes progress, as long as
// there are leases.
func (l *leases) run(ctx context.Context) {
	third := l.process.lease() / 3
	tick := time.NewTicker(min(time.Second, third/2))
	defer tick.Stop()
	renewed, away := time.Now(), false
	for {
		all := l.all()
		if len(all) == 0 {
			select {
			case <-l.wake:
				renewed = time.Now()
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if all = l.all(); len(all) == 0 {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, third)
		since := time.Now()
		var err error
		if since.Sub(renewed) >= third-third/10 || away {
			if err = l.renew(limited, all, since); err == nil {
				renewed = since
			}
		} else {
			err = l.look(limited, all)
		}
		cancel()
		if (err != nil) != away && ctx.Err() == nil {
			away = err != nil
			if away {
				l.process.host.Logger().Warn("jobs: the store does not answer: jobs that run are ended before their leases", "err", err)
			} else {
				l.process.host.Logger().Info("jobs: the store answers again")
			}
		}
	}
}

// renew renews the leases with a statement sent at the time since.
func (l *leases) renew(ctx context.Context, all map[string][]*lease, since time.Time) error {
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	renewed, err := l.process.store.Renew(ctx, l.process.host.Instance(), l.process.lease(), ids)
	if err != nil {
		return err
	}
	for id, holders := range all {
		r, ok := renewed[id]
		for _, h := range holders {
			switch {
			case !ok || r.Attempt != h.attempt:
				h.cancel(ErrLeaseLost)
			case h.timer.Stop(): // otherwise its time is up
				h.timer.Reset(l.left(since))
			}
			if ok && r.Cancel {
				h.cancel(errCancel)
			}
		}
	}
	return nil
}

// look stops jobs that were cancelled, and writes the progress of the others.
func (l *leases) look(ctx context.Context, all map[string][]*lease) error {
	owner := l.process.host.Instance()
	ids, err := l.process.store.Cancelled(ctx, owner)
	for _, id := range ids {
		for _, h := range all[id] {
			h.cancel(errCancel)
		}
	}
	for _, holders := range all {
		for _, h := range holders {
			p := h.progress.Load()
			if p == nil || err != nil { // it is written when the store answers again
				continue
			}
			if err = h.write(ctx, owner, p); err == nil {
				h.progress.CompareAndSwap(p, nil)
			}
		}
	}
	return err
}

// write records a progress, unless the job was lost.
func (h *lease) write(ctx context.Context, owner string, p *progress) error {
	err := h.process.store.SetProgress(ctx, h.id, owner, h.attempt, p.Fraction, p.Text)
	if errors.Is(err, store.ErrLost) {
		return nil
	}
	return err
}
