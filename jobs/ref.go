package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// A Ref refers to an enqueued job whose method returns a T. [Find] returns the Ref of a job by its
// id. Several goroutines may use it. The job runs whether or not its Ref is kept.
type Ref[T any] struct{ handle *handle }

// A handle is the part of a [Ref] that does not depend on its type.
type handle struct {
	enqueuer *Enqueuer
	id       string
	service  string
	name     string
	pending  *pending // of the reply queue; nil with a store
	outcome  *Outcome // of a job that had ended when it was enqueued; else nil
	other    *claimed // the eager job that holds its unique key; else nil
	result   any      // of [Resolved]
}

// Resolved returns the Ref of a job that has ended with this result or this error. Use it in tests,
// to replace a func of a typed client.
func Resolved[T any](result T, err error) Ref[T] {
	o := &Outcome{ID: "resolved", State: store.Succeeded, Attempts: 1, Err: err}
	if err != nil {
		o.State = store.Failed
	}
	return Ref[T]{&handle{id: o.ID, outcome: o, result: result}}
}

// with returns a Ref of the same type.
func (Ref[T]) with(h *handle) any { return Ref[T]{h} }

// ID returns the id of the job. A page can keep it and find the job again with [Find].
func (r Ref[T]) ID() string {
	if r.handle == nil {
		return ""
	}
	return r.handle.id
}

// Wait waits until the job has ended, and returns its result. If the job failed or was cancelled,
// the error is an [*Error]. Wait gives up at ctx's deadline, or after [Config.Wait] if ctx has
// none; the job continues.
//
// Without a store, only the process that enqueued a job can wait for it, and the outcome is lost if
// its Ref is not kept. In a call, Wait lends the call's worker to other calls meanwhile
// ([service.Lend]).
func (r Ref[T]) Wait(ctx context.Context) (result T, err error) {
	o, err := r.handle.wait(ctx)
	if err != nil {
		return result, err
	}
	if v, ok := r.handle.result.(T); ok && o.Err == nil {
		return v, nil
	}
	if err := o.Decode(&result); err != nil {
		var none T
		return none, err
	}
	return result, nil
}

// A Status describes the current state of a job.
type Status struct {
	State    store.State
	Attempt  int       // how many attempts have started
	Deaths   int       // how many of them ended because a worker died
	Progress float64   // from 0 to 1, as last reported by its method
	Text     string    // of the progress
	Created  time.Time // when it was enqueued
	RunAt    time.Time // the earliest time at which it runs
	Started  time.Time // when the latest attempt started; zero if none has
	Finished time.Time // when it ended; zero if it has not
	Error    string    // of the latest attempt that failed
}

// Status returns the current state of the job. It needs a store.
func (r Ref[T]) Status(ctx context.Context) (Status, error) {
	h := r.handle
	if h != nil && h.other != nil {
		select {
		case <-h.other.ended:
			h = &handle{outcome: &h.other.outcome}
		default:
			return Status{State: store.Running, Attempt: 1}, nil
		}
	}
	if h != nil && h.outcome != nil {
		s := Status{State: h.outcome.State, Attempt: h.outcome.Attempts, Progress: 1}
		if h.outcome.Err != nil {
			s.Progress, s.Error = 0, h.outcome.Err.Error()
		}
		return s, nil
	}
	s, err := h.store("its status")
	if err != nil {
		return Status{}, err
	}
	j, err := h.get(ctx, s)
	if err != nil {
		return Status{}, err
	}
	status := Status{
		State: j.State, Attempt: j.Attempt, Deaths: j.Deaths, Text: j.ProgressText,
		Created: j.Created, RunAt: j.RunAt, Started: j.Started, Finished: j.Finished, Error: j.Error,
	}
	if j.Progress != nil {
		status.Progress = *j.Progress
	}
	return status, nil
}

// Cancel cancels the job. A job that waits will never run. If the job runs, in whatever process,
// its ctx is cancelled within a second; its method then decides whether the job ends as cancelled.
// Cancel returns an error if the job has already ended otherwise. It needs a store.
func (r Ref[T]) Cancel(ctx context.Context) error {
	s, err := r.handle.store("cancelling it")
	if err != nil {
		return err
	}
	ctx, cancel := limit(ctx, sendTime)
	defer cancel()
	_, err = s.Cancel(ctx, r.handle.id)
	return err
}

// Find returns the Ref of a job of the client's service by its id. The error wraps
// [store.ErrNotFound] if the service has no such job. It needs a store.
func Find[T any](ctx context.Context, c Client, id string) (Ref[T], error) {
	if c.enqueuer == nil {
		return Ref[T]{}, errUnbound
	}
	h := &handle{enqueuer: c.enqueuer, id: id, service: c.service, name: "?"}
	s, err := h.store("finding it")
	if err != nil {
		return Ref[T]{}, err
	}
	j, err := h.get(ctx, s)
	if err != nil {
		return Ref[T]{}, err
	}
	if j.Service != c.service {
		return Ref[T]{}, fmt.Errorf("job %s of service %s: %w: it is one of %s", id, c.service, store.ErrNotFound, j.Service)
	}
	h.name = j.Name
	return Ref[T]{h}, nil
}

// store returns the store. what names the operation that needs it, for the error.
func (h *handle) store(what string) (*store.Store, error) {
	switch {
	case h == nil || h.enqueuer == nil:
		return nil, errors.New("jobs: the Ref is of no job that was enqueued: it must come from a client or from jobs.Find")
	case h.enqueuer.store == nil:
		return nil, fmt.Errorf("job %s.%s %s: %s %w", h.service, h.name, h.id, what, ErrNoStore)
	}
	return h.enqueuer.store, nil
}

// get returns the job's row.
func (h *handle) get(ctx context.Context, s *store.Store) (store.Job, error) {
	ctx, cancel := limit(ctx, sendTime)
	defer cancel()
	found, err := s.Get(ctx, h.id)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Job{}, fmt.Errorf("job %s of service %s: %w", h.id, h.service, err)
	}
	return found[0], nil
}

// waitTime is the default of [Config].Wait.
const waitTime = time.Hour

// wait waits until the job has ended.
func (h *handle) wait(ctx context.Context) (Outcome, error) {
	if h == nil {
		return Outcome{}, errors.New("jobs: the Ref is empty: it must come from a client or from jobs.Find")
	}
	switch {
	case h.outcome != nil:
		return *h.outcome, nil
	case h.other != nil:
		return h.other.wait(ctx)
	}
	e := h.enqueuer
	if d := cmp.Or(e.cfg.Wait, waitTime); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = limit(ctx, d)
		defer cancel()
	}
	defer service.Lend(ctx)()
	var o Outcome
	var err error
	if e.store != nil {
		o, err = e.poller.wait(ctx, h.id)
	} else {
		o, err = e.replies.wait(ctx, h)
	}
	if err != nil {
		return o, fmt.Errorf("job %s.%s %s: %w", h.service, h.name, h.id, err)
	}
	return o, nil
}
