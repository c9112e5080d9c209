package jobs

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
)

// endsAtOnce is how many ends one transaction records.
const endsAtOnce = 500

// ends record what has become of jobs. While the store is busy with some, further ones gather, and
// are recorded together.
type ends struct {
	process *process
	queue   chan *ending
}

// An ending is an end that waits to be recorded.
type ending struct {
	store.End
	counts chan bool // whether it counts: the job was not lost
}

func (e *ends) init(p *process) { e.process, e.queue = p, make(chan *ending, endsAtOnce) }

// record records an end, and reports whether it counts. While the store is away, it waits: until
// ctx ends, or, if the job is given back, until the process stops.
func (e *ends) record(ctx context.Context, end store.End) bool {
	var stopping <-chan struct{}
	if end.State == store.Queued {
		stopping = e.process.host.Stopping()
	}
	x := &ending{end, make(chan bool, 1)}
	select {
	case e.queue <- x:
	case <-stopping:
		return e.last(ctx, end)
	case <-ctx.Done():
		return e.last(ctx, end)
	}
	select {
	case counts := <-x.counts:
		return counts
	case <-stopping:
		return e.last(ctx, end)
	case <-ctx.Done():
		return e.last(ctx, end)
	}
}

// last tries once more to record an end when the process stops or is killed: a job that is given
// back runs elsewhere without waiting for the end of its lease.
func (e *ends) last(ctx context.Context, end store.End) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	counts, next, err := e.process.store.FinishNext(ctx, end)
	e.process.wakeNext(next)
	return err == nil && counts[0]
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
		counts, ok := e.finish(ctx, list)
		if !ok {
			return
		}
		for i, x := range batch {
			x.counts <- counts[i]
		}
	}
}

// gather waits for an end, and takes the others that wait. It returns nil if ctx ends.
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

// finish records ends, and tries again until the store answers. It returns false if ctx ends.
func (e *ends) finish(ctx context.Context, list []store.End) ([]bool, bool) {
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		limited, cancel := context.WithTimeout(ctx, e.process.lease())
		counts, next, err := e.process.store.FinishNext(limited, list...)
		cancel()
		if err == nil {
			e.process.wakeNext(next)
			return counts, true
		}
		if ctx.Err() != nil {
			return nil, false
		}
		e.process.host.Logger().Warn("jobs: outcomes cannot be recorded yet", "jobs", len(list), "err", err)
		if !wait.For(ctx, delay) {
			return nil, false
		}
	}
}
