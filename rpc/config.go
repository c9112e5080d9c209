package rpc

import (
	"cmp"
	"context"
	"time"
)

// Config configures how calls are made and served. The zero value works.
type Config struct {
	Exchange string        // topic exchange of requests and replies (Nameko's rpc_exchange); "" is nameko-rpc
	Timeout  time.Duration // limit of a call whose ctx has no deadline; 0 is 30 s, negative is none

	// Compress compresses the bodies of requests with zlib. Replies are not compressed, as in
	// Nameko.
	Compress bool

	// StreamParts and StreamBytes limit what is in flight to the reader of a stream: the producer
	// sends no further part until the reader has taken enough of the parts sent before. 0 is 16 parts
	// and 1 MiB.
	StreamParts, StreamBytes int

	// StreamIdle limits how long the producer of a stream waits for a reader that takes no part. After
	// that, the method's ctx ends with the cause [ErrStreamIdle], and its worker is free. 0 is 1
	// minute, negative is no limit.
	StreamIdle time.Duration

	pulse time.Duration // the longest time between two credits; 0 is beat

	// Fakes allows services of this process to lack methods that typed clients call, because they
	// stand in for real services in a test. Package servicetest sets it.
	Fakes bool
}

// defaultTimeout is the default of Config.Timeout.
const defaultTimeout = 30 * time.Second

func (c Config) exchange() string { return cmp.Or(c.Exchange, "nameko-rpc") }

// limit returns ctx with a deadline: its own, or Timeout from now.
func (c Config) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	if _, ok := ctx.Deadline(); ok || timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
