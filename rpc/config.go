package rpc

import (
	"cmp"
	"context"
	"time"
)

// Config says how calls are made and served. Extensions find it in service.Config.Values; [Dial] takes it.
// The zero value works.
type Config struct {
	Exchange string        // topic exchange of requests and replies (Nameko's rpc_exchange); "" is nameko-rpc
	Timeout  time.Duration // limit of a call whose ctx has no deadline; 0 is 30 s, negative is none
}

// defaultTimeout is that of Config.
const defaultTimeout = 30 * time.Second

func (c Config) exchange() string { return cmp.Or(c.Exchange, "nameko-rpc") }

// limit returns a ctx with a deadline: its own, or in Timeout.
func (c Config) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	if _, ok := ctx.Deadline(); ok || timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// bound returns ctx with the limit of a call, and whether somebody has asked for it.
func (c Config) bound(ctx context.Context) (_ context.Context, cancel context.CancelFunc, asked bool) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	if _, asked = ctx.Deadline(); asked || timeout < 0 {
		ctx, cancel = context.WithCancel(ctx)
		return ctx, cancel, asked
	}
	ctx, cancel = context.WithTimeoutCause(ctx, timeout, errUnasked)
	return ctx, cancel, false
}
