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

// An Option is about the calls that are made with one ctx: see [With].
type Option func(*options)

// With returns a ctx for calls that are made in another way than the rest, by whatever client, typed or not:
//
//	report, err := s.Reports.Make(rpc.With(ctx, rpc.Timeout(time.Hour), rpc.Priority(1)), month)
//
// Options that ctx has already stay, unless they are given again. They are those of the caller alone: what the callee
// calls in turn knows nothing of them.
func With(ctx context.Context, opts ...Option) context.Context {
	o := optionsOf(ctx)
	for _, opt := range opts {
		opt(&o)
	}
	o.call = service.FromContext(ctx)
	return context.WithValue(ctx, optionsKey{}, o)
}

// Timeout limits each call, from its beginning, in place of [Config].Timeout; ctx's own deadline counts all the same.
// Negative is none.
func Timeout(d time.Duration) Option {
	return func(o *options) { o.timeout = d }
}

// Expiration is what the request says that it has left, in place of what is left of the limit: how long it may wait in
// the queue, and a method of this package may run. It is sent in milliseconds, rounded up; 0 is none.
func Expiration(d time.Duration) Option {
	return func(o *options) { o.expires, o.expiration = true, d }
}

// Priority is the request's, 0 unless given. It counts in queues that have priorities (x-max-priority).
func Priority(p uint8) Option {
	return func(o *options) { o.priority = p }
}

// Persistent says whether the request, and its reply, survive a restart of the broker. They do unless persistent is false.
func Persistent(persistent bool) Option {
	return func(o *options) { o.transient = !persistent }
}

// Headers are sent with the request, beside those that are the call's own. A Nameko service takes each for context data
// and sends it on; ours does too.
func Headers(headers transport.Table) Option {
	return func(o *options) { o.headers = headers }
}

// CorrelationID is the request's, in place of a new UUID: for one call at a time.
func CorrelationID(id string) Option {
	return func(o *options) { o.id = id }
}

// Codec is the request's, in place of [transport.Config].Codec, and so the reply's.
func Codec(c codec.Codec) Option {
	return func(o *options) { o.codec = c }
}

// Compress has the request's body sent as zlib (Nameko's compression).
func Compress() Option {
	return func(o *options) { o.compress = true }
}

// options are what With has put into a ctx.
type options struct {
	call       *service.Call // whose ctx it was: in another call's they do not count
	timeout    time.Duration // 0 is Config's
	expires    bool          // expiration counts
	expiration time.Duration
	priority   uint8
	transient  bool
	headers    transport.Table
	id         string
	codec      codec.Codec // nil is Config's
	compress   bool
}

type optionsKey struct{}

func optionsOf(ctx context.Context) options {
	if o, ok := ctx.Value(optionsKey{}).(options); ok && o.call == service.FromContext(ctx) {
		return o
	}
	return options{}
}

// bound returns ctx with the limit of a call, and whether somebody has asked for it.
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
	ctx, cancel = context.WithTimeoutCause(ctx, timeout, errUnasked)
	return ctx, cancel, false
}

// apply changes a request, of which left is left; 0 is no limit.
func (o options) apply(p *transport.Publishing, left time.Duration) {
	p.Priority, p.Persistent = o.priority, !o.transient
	p.Expiration = left
	if o.expires {
		p.Expiration = o.expiration
	}
	headers := maps.Clone(o.headers)
	if headers == nil {
		return
	}
	maps.Copy(headers, p.Headers) // the call's own win, as in Nameko
	p.Headers = headers
}
