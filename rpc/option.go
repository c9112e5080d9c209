package rpc

import (
	"cmp"
	"context"
	"maps"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// An Option changes how calls are made with a ctx: see [With].
type Option func(*options)

// With returns a ctx that sets options for the calls made with it, by any client, typed or not:
//
//	report, err := s.Reports.Make(rpc.With(ctx, rpc.Timeout(time.Hour), rpc.Priority(1)), month)
//
// Options that ctx already has stay in force unless they are given again. They do not apply to the
// calls that the callee makes in turn.
func With(ctx context.Context, opts ...Option) context.Context {
	o := optionsOf(ctx)
	for _, opt := range opts {
		opt(&o)
	}
	o.call = service.FromContext(ctx)
	return context.WithValue(ctx, optionsKey{}, o)
}

// Timeout limits the time of each call, instead of [Config].Timeout. ctx's own deadline still
// applies. A negative Timeout is no limit.
func Timeout(d time.Duration) Option {
	return func(o *options) { o.timeout = d }
}

// Expiration sets the request's AMQP expiration: how long it may wait in the queue and, in a gomeko
// service, run. The default is the time left until the call's deadline. It is sent in milliseconds,
// rounded up; 0 is none.
func Expiration(d time.Duration) Option {
	return func(o *options) { o.expires, o.expiration = true, d }
}

// Priority sets the priority of the request; the default is 0. It has an effect in queues with
// priorities (x-max-priority).
func Priority(p uint8) Option {
	return func(o *options) { o.priority = p }
}

// Persistent sets whether the request and its reply survive a restart of the broker; the default is
// true.
func Persistent(persistent bool) Option {
	return func(o *options) { o.transient = !persistent }
}

// Headers adds headers to the request. Nameko services and gomeko services treat each header as
// context data and pass it on with the calls that they make.
func Headers(headers transport.Table) Option {
	return func(o *options) { o.headers = headers }
}

// CorrelationID sets the correlation id of the request; the default is a new UUID. Two pending
// calls must not have the same one.
func CorrelationID(id string) Option {
	return func(o *options) { o.id = id }
}

// Parent sets the call id that the callee logs as its parent_call_id and its root_call_id. It
// applies to calls made outside a service's call. By default, all calls of a [Caller] have the same
// one.
func Parent(callID string) Option {
	return func(o *options) { o.parent = callID }
}

// Codec sets the codec of the request, and so of the reply; the default is
// [transport.Config].Codec.
func Codec(c codec.Codec) Option {
	return func(o *options) { o.codec = c }
}

// Compress compresses the body of the request with zlib (Nameko's compression).
func Compress() Option {
	return func(o *options) { o.compress = true }
}

// options are the options that With has put into a ctx.
type options struct {
	call       *service.Call // in whose ctx the options were set; they do not apply to another call
	timeout    time.Duration // 0 is Config's
	expires    bool          // expiration is set
	expiration time.Duration
	priority   uint8
	transient  bool
	headers    transport.Table
	id         string
	parent     string
	codec      codec.Codec // nil is Config's
	compress   bool
	instance   string // the instance that the request goes to; "" is any
}

type optionsKey struct{}

func optionsOf(ctx context.Context) options {
	if o, ok := ctx.Value(optionsKey{}).(options); ok && o.call == service.FromContext(ctx) {
		return o
	}
	return options{}
}

// bound returns ctx with the limit of a call, and whether it was set by ctx or an option.
func (o options) bound(ctx context.Context, cfg Config) (_ context.Context, cancel context.CancelFunc, asked bool) {
	if o.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		return ctx, cancel, true
	}
	timeout := cmp.Or(o.timeout, cfg.Timeout, defaultTimeout)
	if _, asked = ctx.Deadline(); asked || timeout < 0 {
		ctx, cancel = context.WithCancel(ctx)
		return ctx, cancel, asked
	}
	ctx, cancel = context.WithTimeoutCause(ctx, timeout, errDefaultTimeout)
	return ctx, cancel, false
}

// stackHeader has the call id stack: see docs/wire/nameko.md, Context data.
const stackHeader = "nameko.call_id_stack"

// apply applies the options to a request that expires after left; 0 is no limit.
func (o options) apply(p *transport.Publishing, left time.Duration) {
	p.Priority, p.Persistent = o.priority, !o.transient
	p.Expiration = left
	if o.expires {
		p.Expiration = o.expiration
	}
	if o.parent != "" && o.call == nil {
		p.Headers[stackHeader] = []any{o.parent}
	}
	headers := maps.Clone(o.headers)
	if headers == nil {
		return
	}
	maps.Copy(headers, p.Headers) // the call's own win, as in Nameko
	p.Headers = headers
}
