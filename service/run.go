package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/signature"
)

// Run runs one call of the row's method: it waits for a worker, copies the service, and calls the
// method through the middleware. It logs the outcome, and returns when the call has ended.
//
// The error is
//
//   - a *[signature.Error] or a *[ValidationError] if the arguments do not fit; the method was not run
//   - a *[PanicError] if the method panicked
//   - [ErrExited] if the method or a middleware ended its goroutine, which is not that of Run
//   - [ErrTimeout] if ctx, the request's Limit or the row's timeout has ended; the method may still
//     run, and keeps its worker until it returns, but its result is dropped
//   - [ErrStopped] if the container was killed, or the request was withdrawn before the call had a
//     worker
//   - otherwise the method's own error
func (r *Row) Run(ctx context.Context, req Request) (any, error) {
	if err := r.runnable(&req); err != nil {
		req.Reserved.Release()
		return nil, fmt.Errorf("%s: %w", r.where(), err)
	}
	c := r.begin(ctx, &req)
	defer c.end()
	result, err := c.work()
	c.report(err)
	return result, err
}

// A run is one call while it runs. It is also the context of the call.
type run struct {
	context.Context

	row     *Row
	call    Call
	request Request
	began   time.Time

	denied  error         // by the guard; nil if it may run
	started bool          // it has a worker, or had one
	waited  time.Duration // for it

	bounded  bool                    // the context may end before the container's
	cancel   context.CancelCauseFunc // of the context
	detach   func() bool             // from the end of the container; nil if not needed
	timer    *time.Timer             // of the request's limit; nil if there is none
	deadline time.Time               // of the timer
	lifted   atomic.Bool             // the limit was

	attempt atomic.Pointer[attempt] // the latest one
	clock   atomic.Pointer[clock]   // of the latest one; nil without one
	place   place                   // guarded by the mutex of its roll

	tenure
}

// runnable returns an error if the row cannot run req.
func (r *Row) runnable(req *Request) error {
	switch {
	case !r.container.begun.Load():
		return errors.New("the container is not started")
	case r.method == nil:
		return errors.New("Run is called before Bind")
	case req.Reserved != nil && !req.Reserved.Fits(r):
		return errors.New("Request.Reserved is a worker of another row")
	case len(req.Leading) != len(r.method.leading):
		return fmt.Errorf("Run is given %d leading values, Bind was given %d types", len(req.Leading), len(r.method.leading))
	case req.Reserved != nil && !req.Reserved.spend():
		return errSpent
	}
	return nil
}

// begin returns the run of req. Its context ends with ctx, with the container and at the limit.
func (r *Row) begin(ctx context.Context, req *Request) *run {
	life := r.container.life
	own := ctx.Done() == life.Done() // ctx ends with the container, and not before
	c := &run{
		row:     r,
		request: *req,
		began:   time.Now(),
		bounded: req.Limit > 0 || !own && ctx.Done() != nil,
		cancel:  req.Cancel,
		call: Call{
			Service:     r.Service,
			Method:      r.method.sig.Name,
			Row:         r.Name,
			ID:          r.callID(req.ID),
			Instance:    r.container.cfg.Instance,
			Parents:     req.Parents,
			Data:        req.Data,
			Redelivered: req.Redelivered,
			Attempt:     max(1, req.Attempt),
			parents:     r.container.cfg.ParentCallsTracked,
		},
	}
	if c.cancel == nil {
		ctx, c.cancel = context.WithCancelCause(ctx)
	}
	c.Context = ctx
	if !own && ctx.Value(lifeKey{}) != r.container { // else it ends with the container anyway
		c.detach = context.AfterFunc(life, func() { c.cancel(ErrStopped) })
	}
	if req.Reserved != nil {
		c.stage, c.users = holding, 1
	}
	if req.Limit > 0 {
		c.deadline = c.began.Add(req.Limit)
		c.timer = time.AfterFunc(req.Limit, func() { c.cancel(context.DeadlineExceeded) })
	}
	if r.guarded() && (!req.performed || req.Grant != "") {
		c.Context, c.denied = c.admit(ctx, r.container.guard)
	}
	if all := &r.container.observers; all.On() && !req.performed {
		c.Context = all.callBegan(c.Context, c.observed())
	}
	r.calls.add(c)
	return c
}

// end ends the context and releases the workers. An attempt that still runs keeps its own hold on
// them.
func (c *run) end() {
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.detach != nil {
		c.detach()
	}
	c.cancel(ErrReturned)
	c.release()
	c.leave()
}

// work waits for a worker and runs the method in its middleware.
func (c *run) work() (result any, err error) {
	defer recovered(&result, &err)
	if c.denied != nil {
		return nil, c.denied
	}
	if c.Err() != nil || !c.acquire() {
		return nil, c.notBegun()
	}
	if c.started = true; c.row.container.observers.On() {
		c.row.container.observers.callStarted(c, c.observed())
	}
	if c.row.timeout > 0 { // it counts from now on
		c.lift()
	}
	if w := c.request.Watcher; w != nil {
		if err := w.Began(c); err != nil {
			return nil, err
		}
	}
	if !c.row.wrapped {
		return c.row.run(c)
	}
	if ended := c.row.container.pool.apart(func() { result, err = c.row.run(c) }); ended != nil {
		return nil, ended
	}
	return result, err
}

// acquire waits for the workers of a call that begins. It takes the row's worker first, which
// leaves the service's workers to other rows while it waits. It returns false if the context ends
// first. A call with a reservation already has its workers.
func (c *run) acquire() bool {
	if c.request.Reserved != nil {
		return true
	}
	all := c.row.workers
	for i, s := range all {
		if s.tryAcquire() {
			continue
		}
		ofRow := i < len(all)-1
		if ofRow {
			c.setIdle(true)
		}
		waiting := &c.row.container.drain.waiting
		waiting.Add(1)
		since := time.Now()
		ok := s.acquire(c.Done(), c.request.Withdrawn)
		c.waited += time.Since(since)
		waiting.Add(-1)
		if ofRow {
			c.setIdle(false)
		}
		if !ok {
			for _, s := range all[:i] {
				s.release()
			}
			return false
		}
	}
	c.mu.Lock()
	c.stage, c.users = holding, 1
	c.mu.Unlock()
	return true
}

// retain keeps the workers until one more release. It returns false if they are already released,
// because a middleware may call next after the call has ended.
func (c *run) retain() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == 0 {
		return false
	}
	c.users++
	return true
}

// release releases the workers when the last user does, and removes the call from those that run.
func (c *run) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users > 0 {
		c.users--
		if c.users > 0 {
			return
		}
	}
	c.row.calls.remove(c)
	if c.stage == without || c.stage == returning { // it got none, or takeBack releases them
		return
	}
	for _, s := range c.row.workers {
		if c.stage == lent {
			s.forget()
		} else {
			s.release()
		}
	}
	c.stage = without
}

// errDetached is the error of a middleware that did not derive its context from the call's.
var errDetached = errors.New("the context of the call was lost: a middleware must derive its context from the one it got")

// limited runs the method until ctx or the row's timeout ends. The method runs in another
// goroutine, so the call can end before the method does, and the method may end its goroutine.
func (r *Row) limited(ctx context.Context) (any, error) {
	c, _ := ctx.Value(runKey{}).(*run)
	if c == nil || c.row != r {
		return nil, errDetached
	}
	if !c.retain() {
		return nil, c.timedOut(ErrReturned)
	}
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = c.timed(ctx)
		defer cancel()
	}
	a := &attempt{run: c, ctx: r.hosted.withOutbox(ctx), done: make(chan struct{}, 1)}
	c.attempt.Store(a)
	r.container.pool.run(a)
	if !c.bounded && ctx.Done() == c.Done() { // it ends with the container, which waits for the method
		<-a.done
		return a.result, a.err
	}
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
		return nil, c.timedOut(context.Cause(ctx))
	}
}

// An attempt runs the method of a run in another goroutine. A middleware that retries makes more
// attempts while the first may still be running.
type attempt struct {
	run       *run
	ctx       context.Context
	goroutine atomic.Pointer[string] // the number of the goroutine

	done   chan struct{} // has a token when the two below are set
	result any
	err    error
}

// work runs the method and keeps the worker until it has returned. It implements task.
func (a *attempt) work(goroutine *string) {
	a.goroutine.Store(goroutine)
	a.err = ErrExited // unless it returns
	defer func() {
		a.goroutine.Store(nil)
		a.run.release()
		a.done <- struct{}{}
	}()
	a.result, a.err = a.run.invoke(a.ctx)
}

// invoke calls the method.
func (c *run) invoke(ctx context.Context) (any, error) {
	if c.row.isolator != nil {
		result, err := c.isolate(ctx)
		return result, c.settle(ctx, err)
	}
	result, err := c.callMethod(ctx)
	result, err = c.sendOutbox(ctx, result, err)
	return result, c.settle(ctx, err) // a di.Done may give up like a method
}

// callMethod reads the arguments, copies the service, injects the values of the call, and calls the
// method.
func (c *run) callMethod(ctx context.Context) (result any, err error) {
	defer recovered(&result, &err)
	m := c.row.method
	var parameters [10]reflect.Value // enough for most methods
	self, in, err := c.prepare(ctx, parameters[:0])
	if err != nil {
		return nil, err
	}
	again := false
	err = m.plan.Run(ctx, self, func() (err error) {
		if c.request.Once != nil {
			if again, err = c.once(ctx); err != nil {
				return c.settleValues(ctx, err)
			}
		}
		switch result, err = call(m.fn, in); {
		case err != nil:
		case c.request.Result != nil:
			result, err = c.request.Result(ctx, result)
		case m.item != nil:
			result, err = sequence.List(ctx, result)
		}
		return c.settleValues(ctx, err)
	})
	if again { // even if closing the values returned another error
		return nil, errDuplicate
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// prepare reads the arguments, matches them to the parameters and decodes them. It returns a copy
// of the service, and the parameters appended to in.
func (c *run) prepare(ctx context.Context, in []reflect.Value) (self reflect.Value, _ []reflect.Value, err error) {
	args, body, err := c.read(ctx)
	if err != nil {
		return self, nil, err
	}
	if body != nil {
		defer body.Close()
	}
	m := c.row.method
	var values [8]signature.Value
	matched, err := m.sig.Match(args, values[:0])
	if err != nil {
		return self, nil, err
	}
	return m.prepare(ctx, c.request.Leading, &matched, in)
}

// read reads the arguments. The body is nil if they are those of the request.
func (c *run) read(ctx context.Context) (args signature.Arguments, body Body, err error) {
	input := c.request.Input
	if input == nil {
		return c.request.Arguments, nil, nil
	}
	args, body, err = input.Read(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return args, nil, ctx.Err()
	case err != nil:
		return args, nil, unreadError{err}
	}
	return args, body, nil
}

// call calls fn, and returns its result and its error.
func call(fn reflect.Value, in []reflect.Value) (result any, err error) {
	var out []reflect.Value
	if fn.Type().IsVariadic() {
		out = fn.CallSlice(in)
	} else {
		out = fn.Call(in)
	}
	if len(out) > 0 {
		err, _ = out[len(out)-1].Interface().(error)
	}
	if len(out) > 1 {
		result = out[0].Interface()
	}
	return result, err
}

// settleValues returns the error that the values of the call are closed with when its method has
// returned err. After the call's time limit, even success is a timeout, because that is what the
// caller has been told.
func (c *run) settleValues(ctx context.Context, err error) error {
	switch err = c.settle(ctx, err); {
	case ctx.Err() == nil, isTimeout(err), c.row.method.plan.Empty():
		return err
	case err == nil:
		return c.timedOut(context.Cause(ctx))
	}
	return c.timedOut(err)
}

// settle returns err or, if err says that ctx has ended, a timeout that wraps err, which tells what
// the method was waiting for.
func (c *run) settle(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil, isTimeout(err):
		return err
	case errors.Is(err, ctx.Err()), errors.Is(err, context.Cause(ctx)):
		return c.timedOut(err)
	}
	return err
}

// report logs the outcome of the call, tells the observers, and counts the call if the container is
// stopping.
func (c *run) report(err error) {
	if d := &c.row.container.drain; d.stopping.Load() && !errors.Is(err, ErrStopped) {
		d.finished.Add(1)
	}
	if err == nil {
		c.log(slog.LevelDebug, "call done", nil)
		c.observeEnd(OK, nil)
		return
	}
	if err == errWithdrawn { //nolint:errorlint // the methods of others are not called here
		c.observeEnd(OutcomeStopped, err)
		return
	}
	if _, unread := err.(unreadError); unread || c.refused(err) { //nolint:errorlint // the methods of others are not called here
		c.observeEnd(OutcomeRejected, err)
		return
	}
	outcome := OutcomeFault
	// The methods of an error are the service's code.
	ended := c.row.container.pool.apart(func() {
		outcome = c.outcome(err)
		c.log(c.level(err), "call failed", err)
	})
	told := err
	if ended != nil {
		told = fmt.Errorf("%T, which cannot be logged: %w", err, ended)
		c.log(slog.LevelError, "call failed", told)
	}
	c.observeEnd(outcome, told)
}

type runKey struct{}

// Value returns the run for runKey, and the call's data instead of the data that the surrounding
// context carries.
func (c *run) Value(key any) any {
	switch key {
	case runKey{}:
		return c
	case dataKey{}:
		return c.call.Data
	case checkKey{}: // a call is not a check
		return nil
	}
	return c.Context.Value(key)
}
