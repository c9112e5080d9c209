package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
)

// endsAtOnce is how many ends one transaction records.
const endsAtOnce = 500

// endsWaiting is how many outcomes may wait to be recorded before the process claims no further
// jobs. A worker is free as soon as its method has returned. If the store claimed faster than it
// records, ever more jobs would be waiting for their outcome, and all of them would run again if
// the process died.
const endsWaiting = 2 * endsAtOnce

// ends records the outcomes of attempts. While the store is busy with some, further ones gather and
// are recorded together.
type ends struct {
	process *process
	queue   chan *ending

	mu      sync.Mutex
	waiting int
	room    chan struct{} // nil if there is room; otherwise closed when there is
}

// An ending is an end that waits to be recorded.
type ending struct {
	store.End
	recorded chan recorded
}

// A recorded is what was recorded in place of an end: usually the end itself. It counts, unless the
// job was lost.
type recorded struct {
	store.End
	counts bool
}

func (e *ends) init(p *process) { e.process, e.queue = p, make(chan *ending, endsAtOnce) }

// record records an end, and returns what was recorded. While the store is unreachable, it waits
// until ctx ends or, if the job is given back, until the process stops.
func (e *ends) record(ctx context.Context, end store.End) recorded {
	var stopping <-chan struct{}
	if end.State == store.Queued {
		stopping = e.process.host.Stopping()
	}
	e.wait(1)
	defer e.wait(-1)
	x := &ending{end, make(chan recorded, 1)}
	select {
	case e.queue <- x:
	case <-stopping:
		return e.last(ctx, end)
	case <-ctx.Done():
		return e.last(ctx, end)
	}
	select {
	case r := <-x.recorded:
		return r
	case <-stopping:
		return e.last(ctx, end)
	case <-ctx.Done():
		return e.last(ctx, end)
	}
}

// wait adds n to the number of outcomes that wait.
func (e *ends) wait(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting += n
	switch {
	case e.waiting >= endsWaiting && e.room == nil:
		e.room = make(chan struct{})
	case e.waiting < endsWaiting && e.room != nil:
		close(e.room)
		e.room = nil
	}
}

// full returns a channel that is closed once there is room for further outcomes, or nil if there is
// room now.
func (e *ends) full() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.room
}

// last makes a last attempt to record an end when the process stops or is killed. A job that is
// given back then runs elsewhere without waiting for its lease to expire.
func (e *ends) last(ctx context.Context, end store.End) recorded {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	counts, next, err := e.process.store.FinishNext(ctx, end)
	e.process.wakeNext(next)
	return recorded{end, err == nil && counts[0]}
}

// run records ends.
func (e *ends) run(ctx context.Context) {
	for {
		batch := e.gather(ctx)
		if batch == nil {
			return
		}
		list := make([]store.End, len(batch))
		for i, x := range batch {
			list[i] = x.End
		}
		all, ok := e.finish(ctx, list)
		if !ok {
			return
		}
		for i, x := range batch {
			x.recorded <- all[i]
		}
	}
}

// gather waits for an end, and takes all others that wait. It returns nil if ctx ends.
func (e *ends) gather(ctx context.Context) (batch []*ending) {
	select {
	case x := <-e.queue:
		batch = append(batch, x)
	case <-ctx.Done():
		return nil
	}
	for len(batch) < endsAtOnce {
		select {
		case x := <-e.queue:
			batch = append(batch, x)
		default:
			return batch
		}
	}
	return batch
}

// finish records ends, and retries until the store answers. It returns false if ctx ends.
func (e *ends) finish(ctx context.Context, list []store.End) ([]recorded, bool) {
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		limited, cancel := context.WithTimeout(ctx, e.process.lease())
		counts, next, err := e.process.store.FinishNext(limited, list...)
		cancel()
		switch {
		case err == nil:
			e.process.wakeNext(next)
			all := make([]recorded, len(list))
			for i, end := range list {
				all[i] = recorded{end, counts[i]}
			}
			return all, true
		case ctx.Err() != nil:
			return nil, false
		case store.Refused(err):
			return e.finishEach(ctx, list, err)
		}
		e.process.host.Logger().Warn("jobs: outcomes cannot be recorded yet", "jobs", len(list), "err", err)
		if !wait.For(ctx, delay) {
			return nil, false
		}
	}
}

// finishEach records each end separately, because the database has rejected one of them. For that
// one, it records that the job has failed.
func (e *ends) finishEach(ctx context.Context, list []store.End, refusal error) (all []recorded, ok bool) {
	for _, end := range list {
		if len(list) == 1 {
			log := e.process.host.Logger().With("job", end.ID, "state", end.State, "err", refusal)
			if end.ErrorType == refused { // this failure, too
				log.Error("the outcome of a job is not recorded: its database refuses it")
				return []recorded{{end, false}}, true
			}
			log.Error("job failed: its database refuses its outcome")
			end.Error, end.ErrorType = "its outcome was refused: "+refusal.Error(), refused
			end.State, end.Kind, end.Result, end.Stack = store.Failed, store.KindFault, nil, ""
		}
		one, ok := e.finish(ctx, []store.End{end})
		if !ok {
			return nil, false
		}
		all = append(all, one...)
	}
	return all, true
}

// refused is the error type of a job whose outcome the database has rejected.
const refused = "refused"
