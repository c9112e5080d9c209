package service

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// RunAgain retries a call in this process after [Row.Run] returned err. It is for entrypoints that
// retry without giving their input back. After each failure, next returns how long to wait, or
// false to give up; attempt counts the failures, starting at req.Attempt. During the wait the call
// has no worker, and req's Watcher is told that it is idle. Each run has its own injected values,
// and a context that ends with ctx.
//
// RunAgain returns the outcome of the last run, or err if there was none. It gives up if ctx ends
// or would end during the wait, and when the container begins to stop. A call that is waiting at
// that moment ends with [ErrStopped], so its input is given back; a call that is running is not
// retried if it fails, and ends with its own error.
//
// req must not have a Cancel, because the first run would then cancel ctx.
func (r *Row) RunAgain(ctx context.Context, req Request, err error, next func(attempt int, err error) (delay time.Duration, again bool)) (result any, _ error) {
	for req.Attempt = max(1, req.Attempt); err != nil && r.mayRunAgain(ctx, err); {
		delay, again := next(req.Attempt, err)
		deadline, bounded := ctx.Deadline()
		if !again || bounded && time.Until(deadline) <= delay {
			break
		}
		r.container.observers.Retried(ctx, Failure{Entry: r, Attempt: req.Attempt, After: delay, Err: err})
		req.Attempt++
		r.logger.LogAttrs(ctx, slog.LevelInfo, "call runs again", slog.Int("attempt", req.Attempt), slog.Duration("delay", delay))
		if stopped := r.idle(ctx, &req, delay); stopped {
			return nil, ErrStopped
		}
		if ctx.Err() != nil {
			break
		}
		req.Reserved = nil // the first run had it
		result, err = r.Run(ctx, req)
	}
	return result, err
}

// mayRunAgain reports whether the call of ctx, which failed with err, may be retried at all.
func (r *Row) mayRunAgain(ctx context.Context, err error) bool {
	select {
	case <-r.container.stopping:
		return false
	default:
		return ctx.Err() == nil && !errors.Is(err, ErrStopped)
	}
}

// idle waits for delay or until ctx ends. It reports whether the wait ended because the container
// is stopping or req was withdrawn. Meanwhile, the call counts as waiting for a worker.
func (r *Row) idle(ctx context.Context, req *Request, delay time.Duration) (stopped bool) {
	waiting := &r.container.drain.waiting
	waiting.Add(1)
	defer waiting.Add(-1)
	if w := req.Watcher; w != nil {
		w.Idle(true)
		defer w.Idle(false)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-ctx.Done():
		return r.container.life.Err() != nil
	case <-req.Withdrawn:
	case <-r.container.stopping:
	}
	return true
}
