package service

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/signature"
)

// A run is a call while it runs, and the context of it.
type run struct {
	context.Context
	field   *Field
	call    *Call
	args    signature.Arguments
	lead    []any
	bounded bool // the context may end before the container's does
	tenure
	lease
}

// A lease is the limit of time that a call was given by [Call.Limit].
type lease struct {
	timer    *time.Timer // nil if there is none
	deadline time.Time
	lifted   atomic.Bool
}

func (l *lease) lift() {
	if l.timer != nil {
		l.lifted.Store(true)
		l.timer.Stop()
	}
}

// Lift lifts the limit that the call of ctx was given by [Call.Limit]: it is for an entrypoint whose call has come to a stream,
// which lasts as long as it does.
func Lift(ctx context.Context) {
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		r.lift()
	}
}

// Deadline implements [context.Context].
func (r *run) Deadline() (time.Time, bool) {
	around, ok := r.Context.Deadline()
	if r.timer == nil || r.lifted.Load() || ok && around.Before(r.deadline) {
		return around, ok
	}
	return r.deadline, true
}

type runKey struct{}

// Value returns the run itself for its own key, and the call's data in place of what the context around it carries.
func (r *run) Value(key any) any {
	switch key {
	case runKey{}:
		return r
	case dataKey{}:
		return r.call.Data
	}
	return r.Context.Value(key)
}

// Run runs one call of the row's method, on a fresh copy of the service, through the middleware, when one of the
// service's workers is free, and of the row's if it is bounded. It fills in call's Service, Method and Row, and its ID, of which
// call may have the last part; call may be nil. lead are the values of the types
// given to [Field.Bind]; a func(context.Context) any in the place of one makes it, with the ctx of the call.
//
// The error is a *[signature.Error] when args do not fit (the method was not run), a *[PanicError] when the method
// panicked, [ErrTimeout] when ctx or the row's timeout has ended (the method may still run: it keeps its worker until it
// returns, and its result is dropped), [ErrStopped] when the container was killed, else the method's own.
func (f *Field) Run(ctx context.Context, call *Call, args signature.Arguments, lead ...any) (any, error) {
	if call == nil {
		call = &Call{}
	}
	if !f.Host.begun.Load() {
		return nil, fmt.Errorf("service %s: %s: the container is not started", f.Service, f.Name)
	}
	if f.method == nil || len(lead) != len(f.method.lead) {
		return nil, fmt.Errorf("service %s: %s: Run needs the method and the values that Bind was given", f.Service, f.Name)
	}
	if call.ID == "" {
		call.ID = id.New(f.prefix)
	} else {
		call.ID = f.prefix + call.ID
	}
	call.Service, call.Method, call.Row = f.Service, f.method.sig.Name, f.Name
	call.Attempt = max(1, call.Attempt)
	call.parents = f.Host.cfg.ParentCallsTracked

	life := f.Host.life
	own := ctx.Done() == life.Done()
	r := &run{field: f, call: call, args: args, lead: lead, bounded: call.limit > 0 || !own && ctx.Done() != nil}
	cancel := call.cancel
	if cancel == nil {
		ctx, cancel = context.WithCancelCause(ctx)
	}
	defer cancel(ErrReturned)
	if !own && ctx.Value(lifeKey{}) != f.Host { // else it ends with the container anyway
		defer context.AfterFunc(life, func() { cancel(ErrStopped) })()
	}
	r.Context = ctx
	if call.limit > 0 {
		r.deadline = time.Now().Add(call.limit)
		r.timer = time.AfterFunc(call.limit, func() { cancel(context.DeadlineExceeded) })
		defer r.timer.Stop()
	}
	defer r.end()
	v, err := f.run(r)
	f.Host.drain.ended(err)
	return v, err
}

// wrapped puts what every call goes through around the method.
func (f *Field) wrapped(middleware []Middleware) Runner {
	next := Runner(f.limited)
	for _, m := range slices.Backward(middleware) {
		next = m(next)
	}
	return f.observed(f.worked(next))
}

// worked runs next when a worker is free.
func (f *Field) worked(next Runner) Runner {
	return func(ctx context.Context) (any, error) {
		r := ctx.(*run)
		if ctx.Err() != nil {
			return nil, f.ended(context.Cause(ctx))
		}
		if !r.take() {
			return nil, f.ended(context.Cause(ctx))
		}
		defer r.release()
		if f.timeout > 0 {
			r.lift()
		}
		if r.call.watcher != nil {
			if err := r.call.watcher.Began(ctx); err != nil {
				return nil, err
			}
		}
		return next(ctx)
	}
}

// ended is the error of a call whose context has ended by cause.
func (f *Field) ended(cause error) error {
	if f.Host.life.Err() != nil {
		return ErrStopped
	}
	return &timeoutError{cause}
}
