package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Reply is the outcome of a call made with [Client.Go]. It need not be read. Several goroutines
// may use it.
type Reply struct {
	caller          *Caller
	service, method string
	id              string // the correlation id
	codec           codec.Codec
	limit           int             // of a decompressed reply, in bytes
	decoded         int             // of the memory that decoding a reply takes, in bytes
	began, deadline time.Time       // deadline is zero if there is none
	detached        bool            // made by Go: its work may outlive the caller's method and the default timeout
	observed        context.Context // the call's ctx, as the observers returned it; nil without observers
	size            int             // of the request, for the observers
	kind            string          // the type of the request
	instance        string          // the instance that the request goes to; "" is any
	in              *receiver       // of a stream; nil without one
	out             *sender         // of a streamed argument; nil without one
	spelling        string          // how to write the arguments as keywords, if the last one is a map

	confirmed atomic.Bool   // the broker has taken the request
	waiters   atomic.Int32  // goroutines that wait for the reply
	cancel    func()        // ends the call's ctx, and with it a request that waits to be sent
	release   func()        // stops watching the call's ctx; guarded by caller.mu
	done      chan struct{} // closed when the fields below are set
	delivery  *transport.Delivery
	err       error
}

// errDefaultTimeout ends a call for which neither ctx nor an option sets a limit.
var errDefaultTimeout = fmt.Errorf("default limit: %w", context.DeadlineExceeded)

// Result waits for the call to end and stores the result in the value that result points to; if
// result is nil, it drops the result. It returns the error that [Client.Call] would return. If ctx
// ends first, it returns ctx's error, and the call goes on. Result may be called again.
func (r *Reply) Result(ctx context.Context, result any) error {
	if err := checkResult(r.service, r.method, result); err != nil {
		return err
	}
	if r.wait(ctx) {
		return r.read(ctx, result)
	}
	return fmt.Errorf("%s: no reply yet: %w", r.name(), ended(ctx))
}

// wait waits until the call has ended, and returns false if ctx ends first.
func (r *Reply) wait(ctx context.Context) bool {
	select {
	case <-r.done:
		return true
	default:
	}
	defer service.Lend(ctx)()
	return r.await(ctx)
}

// await is wait for a goroutine that has already lent its worker.
func (r *Reply) await(ctx context.Context) bool {
	r.waiters.Add(1)
	defer r.waiters.Add(-1)
	r.caller.notifyWaiting(ctx, r.service)
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Done returns a channel that is closed when the call has ended.
func (r *Reply) Done() <-chan struct{} { return r.done }

// name returns the service and the method.
func (r *Reply) name() string { return r.service + "." + r.method }

// age returns the time since the call began, in milliseconds.
func (r *Reply) age() time.Duration { return time.Since(r.began).Round(time.Millisecond) }

// fail ends a call that is not pending yet.
func (r *Reply) fail(err error) *Reply {
	r.err = r.failed(err)
	close(r.done)
	return r
}

// settle ends a call that was pending. The caller holds caller.mu.
func (r *Reply) settle(d *transport.Delivery, err error) {
	if r.in != nil {
		r.in.fail(err)
		return
	}
	if r.out != nil {
		r.out.abort(errEnded)
	}
	r.delivery, r.err = d, err
	close(r.done)
	if r.release != nil {
		r.release()
	}
}

// message returns the request as the observers see it. p is nil once the call has ended.
func (r *Reply) message(p *transport.Publishing) service.Message {
	m := service.Message{Kind: "rpc", Service: r.service, Method: r.method, Exchange: r.caller.cfg.exchange(), Key: r.name(), ID: r.id, Size: r.size}
	if p != nil {
		m.Size, m.Headers = len(p.Body), p.Headers
	}
	return m
}

// observeEnd tells the observers how a call made with Go has ended. For a call made with Call, they
// are told when its result is read.
func (r *Reply) observeEnd() {
	if r.observed == nil || !r.detached {
		return
	}
	err := r.err
	if err == nil {
		err = r.decode(context.WithoutCancel(r.observed), nil)
	}
	r.tell(err)
}

// tell tells the observers that the call has ended with err.
func (r *Reply) tell(err error) {
	if r.observed != nil {
		r.caller.observers.SendEnded(r.observed, r.message(nil), time.Since(r.began), err)
	}
}

// failed returns the error of a call that ends with err, with the service and the method in its
// text.
func (r *Reply) failed(err error) error {
	var returned *transport.Returned
	switch {
	case errors.As(err, &returned):
		text := "Unknown service `" + r.service + "`"
		if r.instance != "" {
			text += ": it has no instance " + r.instance
		}
		unknown := ErrUnknownService.WithText(text)
		unknown.Args = []any{r.service}
		return unknown
	case errors.Is(err, context.DeadlineExceeded):
		return rpcerror.NewTimeout(fmt.Sprintf("%s: %v after %s", r.name(), err, r.age()), nil)
	}
	return fmt.Errorf("%s: %w", r.name(), err)
}

// read stores the result of a call that has ended, or returns its error. It stops when ctx ends,
// unless ctx has ended already.
func (r *Reply) read(ctx context.Context, result any) error {
	if r.err != nil {
		return r.err
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	err := r.decode(ctx, result)
	var remote *Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ctx.Err()):
		return r.failed(err)
	case !errors.As(err, &remote):
		return fmt.Errorf("%s: %w", r.name(), err)
	case r.spelling != "" && errors.Is(err, ErrIncorrectSignature):
		return fmt.Errorf("%w: the last argument is a map, sent as one positional argument: to send keywords, write %s", err, r.spelling)
	}
	return err
}

// decode stores the result in the value that result points to, or returns the error in the reply. A
// reply is in the codec of the request unless its content type names another.
func (r *Reply) decode(ctx context.Context, result any) error {
	var own struct { // one allocation
		budget codec.Budget
		codec  [1]codec.Codec
	}
	budget := &own.budget
	budget.Reset(ctx, r.decoded)
	defer budget.Close()
	own.codec[0] = r.codec
	d, codecs := r.delivery, codec.Set(own.codec[:])
	if codecs.Of(d.ContentType) == nil {
		codecs = transport.Config{Codec: r.codec}.Accepts()
	}
	if codecs.Of(d.ContentType) == nil {
		return fmt.Errorf("reply has content_type %q, want %s", d.ContentType, codecs.String())
	}
	c, body, err := codecs.Open(d.Encoded(), max(r.limit, len(d.Body)), budget)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	members, err := budget.Map(codec.Split(c), body)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	var value []byte
	for _, m := range members {
		switch m.Name {
		case "error":
			failure, err := rpcerror.Decode(c, m.Value, budget)
			if err != nil {
				return fmt.Errorf("reply: error: %w", err)
			}
			if failure != nil {
				failure.Resolve(d.Headers[rpcerror.OriginHeader])
				return failure
			}
		case "result":
			value = m.Value
		}
	}
	if result == nil {
		return nil
	}
	if value == nil {
		return errors.New("reply has neither result nor error")
	}
	if err := budget.Decode(c, value, result); err != nil {
		return fmt.Errorf("result does not fit %T: %w", result, err)
	}
	return nil
}

// spellingOf returns how to write args with keywords if the last one is a map with string keys,
// which a Python programmer might mean as keywords. Otherwise it returns "".
func spellingOf(args []any) string {
	last := len(args) - 1
	if last < 0 {
		return ""
	}
	members, ok := args[last].(map[string]any)
	if !ok || len(members) == 0 {
		return ""
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, fmt.Sprintf("%q, …", name))
	}
	slices.Sort(names)
	return "rpc.Kwargs{" + strings.Join(names, ", ") + "}"
}

// ended returns the error of ctx with its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
