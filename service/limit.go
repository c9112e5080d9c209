package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// An attempt is the method of a run in a goroutine of its own. Middleware may make several, one beside what is left of another.
type attempt struct {
	run       *run
	ctx       context.Context
	goroutine atomic.Pointer[string] // its number

	done   chan struct{} // has a token when the two below are there
	result any
	err    error
}

// errDetached is a mistake of a middleware: it handed on a context that is not the call's.
var errDetached = errors.New("the context of the call was lost: a middleware must derive its context from the one it got")

// errExited is the error of a method that ended its goroutine, as t.FailNow does.
var errExited = errors.New("the method ended its goroutine: runtime.Goexit")

// limited runs the method within its time: the row's timeout and what is left of ctx.
// Without a limit it runs here; else in a goroutine of its own, which is left behind when its time is over.
func (f *Field) limited(ctx context.Context) (any, error) {
	r, _ := ctx.Value(runKey{}).(*run)
	if r == nil || r.field != f {
		return nil, errDetached
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	if !r.bounded && ctx.Done() == r.Done() {
		return r.method(ctx)
	}
	a := &attempt{run: r, ctx: ctx, done: make(chan struct{}, 1)}
	r.hold()
	f.Host.crew.run(a)
	select {
	case <-a.done:
		return a.result, a.err
	case <-ctx.Done():
	}
	select {
	case <-a.done: // at the last moment
		return a.result, a.err
	default:
		a.watch()
		return nil, f.ended(context.Cause(ctx))
	}
}

// settled is err, but for a call that gave up because ctx ended: that is a timeout, which wraps err: it says what was
// waited for.
func (f *Field) settled(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil, overdue(err):
		return err
	case errors.Is(err, ctx.Err()), errors.Is(err, context.Cause(ctx)):
		return f.ended(err)
	}
	return err
}

// returned is the error that the call's own values end with when its method has returned err: whatever that is, when its
// time is over it is too late.
func (f *Field) returned(ctx context.Context, err error) error {
	switch err = f.settled(ctx, err); {
	case ctx.Err() == nil, overdue(err), f.method.plan.Empty():
		return err
	case err == nil:
		return f.ended(context.Cause(ctx))
	}
	return f.ended(err)
}

// overdue reports whether err is that of [Field.ended].
func overdue(err error) bool { return errors.Is(err, ErrTimeout) || errors.Is(err, ErrStopped) }

// work runs the method and holds its worker until it has returned.
func (a *attempt) work(number *string) {
	a.goroutine.Store(number)
	a.err = errExited
	defer func() {
		a.run.release()
		a.done <- struct{}{}
	}()
	a.result, a.err = a.run.method(a.ctx)
}

func (r *run) method(ctx context.Context) (any, error) {
	v, err := recovered(ctx, func(ctx context.Context) (any, error) {
		return r.field.method.invoke(ctx, r)
	})
	return v, r.field.settled(ctx, err) // a Done may give up as a method does
}

// watch logs, once, the stack of a method that still runs some time after its call was answered.
func (a *attempt) watch() {
	r, host := a.run, a.run.field.Host
	time.AfterFunc(host.stuckAfter, func() {
		number := a.goroutine.Load()
		if len(a.done) > 0 || number == nil {
			return
		}
		host.logger.LogAttrs(r, slog.LevelWarn, "call stuck",
			slog.String("service", r.call.Service),
			slog.String("method", r.call.Method),
			slog.String("call_id", r.call.ID),
			slog.String("stack", host.stuck.of(*number)),
		)
	})
}

// A dump is the stacks of all goroutines. It stops the program for as long as it takes, so one serves all calls that
// were found stuck at about the same time.
type dump struct {
	mu sync.Mutex

	at   time.Time
	text []byte
}

// of returns the stack of the goroutine that has the number.
func (d *dump) of(number string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.at) > time.Second {
		text := make([]byte, 8<<20)
		d.text = bytes.Clone(text[:runtime.Stack(text, true)])
		d.at = time.Now()
	}
	head := []byte("goroutine " + number + " ")
	for stack := range bytes.SplitSeq(d.text, []byte("\n\n")) {
		if bytes.HasPrefix(stack, head) {
			return string(stack)
		}
	}
	return ""
}
