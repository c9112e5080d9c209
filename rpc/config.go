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

	// Compress has the bodies of requests sent as zlib. Replies are not compressed, as Nameko's are not.
	Compress bool
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
