package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Reply is the outcome of a call by [Client.Go], which may be yet to come. One that is never read costs nothing when
// the call has ended. It may be used by several goroutines.
type Reply struct {
	caller          *caller
	service, method string
	id              string // the correlation id
	codec           codec.Codec
	limit           int       // of a reply that is inflated, in bytes
	began, deadline time.Time // deadline is zero if there is none
	detached        bool      // it is by Go: its work may outlive the method that made the call, and the limit nobody asked for

	taken    atomic.Bool   // the broker has confirmed the request
	waits    atomic.Int32  // goroutines that wait for it
	release  func()        // frees what watches the call's ctx; under caller.mu
	done     chan struct{} // closed when the two below are there
	delivery *transport.Delivery
	err      error
}

// errUnasked ends a call that nobody has set a limit for.
var errUnasked = fmt.Errorf("default limit: %w", context.DeadlineExceeded)

// Result waits for the outcome and stores the call's result in the pointer result; nil drops it. The error is the
// call's, as [Client.Call] would return it, or ctx's, which ends the waiting and not the call. It may be called again.
func (r *Reply) Result(ctx context.Context, result any) error {
	if r.wait(ctx) {
		return r.read(result)
	}
	return fmt.Errorf("%s: no reply yet: %w", r.name(), ended(ctx))
}

// wait waits for the outcome, and reports whether it is there before ctx ends.
func (r *Reply) wait(ctx context.Context) bool {
	select {
	case <-r.done:
		return true
	default:
	}
	defer service.Lend(ctx)()
	return r.await(ctx)
}

// await is wait for who has lent the worker.
func (r *Reply) await(ctx context.Context) bool {
	r.waits.Add(1)
	defer r.waits.Add(-1)
	r.caller.awaits(ctx, r.service)
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Done returns a channel that is closed when Result need not wait.
func (r *Reply) Done() <-chan struct{} { return r.done }

func (r *Reply) name() string { return r.service + "." + r.method }

func (r *Reply) read(result any) error {
	if r.err != nil {
		return r.err
	}
	err := readReply(r.delivery, r.codec, r.limit, result)
	var remote *Error
	if err == nil || errors.As(err, &remote) {
		return err
	}
	return fmt.Errorf("%s: %w", r.name(), err)
}

// fail ends a call that nobody else can end: it does not wait for a reply yet.
func (r *Reply) fail(err error) *Reply {
	r.err = r.failed(err)
	close(r.done)
	return r
}

// settle ends a call that waits. The caller holds the lock of those that do.
func (r *Reply) settle(d *transport.Delivery, err error) {
	r.delivery, r.err = d, err
	close(r.done)
	if r.release != nil {
		r.release()
	}
}

// failed returns what a call that ends with err returns: what became of it, and who was called.
func (r *Reply) failed(err error) error {
	var returned *transport.Returned
	switch {
	case errors.As(err, &returned):
		unknown := ErrUnknownService.WithText("Unknown service `" + r.service + "`")
		unknown.Args = []any{r.service}
		return unknown
	case errors.Is(err, context.DeadlineExceeded):
		return rpcerror.NewTimeout(fmt.Sprintf("%s: %v after %s", r.name(), err, r.age()), nil)
	}
	return fmt.Errorf("%s: %w", r.name(), err)
}

func (r *Reply) age() time.Duration { return time.Since(r.began).Round(time.Millisecond) }

// ended returns why ctx has ended, as both the standard library and whoever cancelled it call it.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// watch ends the call when ctx does, until it has ended otherwise, when release is called.
func (c *caller) watch(ctx context.Context, r *Reply, cancel context.CancelFunc) {
	stop := context.AfterFunc(ctx, func() {
		if !c.enter() {
			return
		}
		defer c.late.Done()
		c.expire(ctx, r)
	})
	release := func() {
		stop()
		cancel()
	}
	c.mu.Lock()
	waits := c.pending[r.id] == r
	if waits {
		r.release = release
	}
	c.mu.Unlock()
	if !waits {
		release()
	}
}

// enter counts a goroutine that close waits for, unless the caller is closed.
func (c *caller) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.late.Add(1)
	}
	return !c.closed
}

// expire ends a call whose ctx has ended. From then on a reply is late: it would only tell of the same limit.
func (c *caller) expire(ctx context.Context, r *Reply) {
	if !c.forget(r.id) {
		return // it has ended
	}
	err := fmt.Errorf("no reply: %w", ended(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.overdue(r, err)
	} else {
		err = r.failed(err)
	}
	cause := context.Cause(ctx)
	if !r.detached || cause != service.ErrReturned && cause != errUnasked {
		c.abandon(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.settle(nil, err)
}
