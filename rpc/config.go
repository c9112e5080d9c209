package rpc

import (
	"cmp"
	"context"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// Config says how calls are made and served. Extensions find it in service.Config.Values; [Dial] takes it.
// The zero value works.
type Config struct {
	Exchange string        // topic exchange of requests and replies (Nameko's rpc_exchange); "" is nameko-rpc
	Timeout  time.Duration // limit of a call whose ctx has no deadline; 0 is 30 s, negative is none

	// Codec is that of requests (Nameko's serializer); nil is [transport.JSON].
	Codec transport.Codec

	// Accept has the codecs of the requests that are read (Nameko's ACCEPT). A reply has its request's. None are Codec,
	// [transport.JSON] and [transport.MessagePack].
	Accept transport.Codecs

	// Compress has the bodies of requests sent as zlib. Replies are not compressed, as Nameko's are not.
	Compress bool
}

// defaultTimeout is that of Config.
const defaultTimeout = 30 * time.Second

func (c Config) codec() transport.Codec { return cmp.Or(c.Codec, transport.JSON) }

// accepts returns the codecs of what is read.
func (c Config) accepts() transport.Codecs {
	if len(c.Accept) > 0 {
		return c.Accept
	}
	codec := c.codec()
	codecs := transport.Codecs{transport.JSON, transport.MessagePack}
	for i, other := range codecs {
		if other.ContentType() == codec.ContentType() {
			codecs[i] = codec
			return codecs
		}
	}
	return append(codecs, codec)
}

func (c Config) exchange() string { return cmp.Or(c.Exchange, "nameko-rpc") }

// limit returns a ctx with a deadline: its own, or in Timeout.
func (c Config) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := cmp.Or(c.Timeout, defaultTimeout)
	if _, ok := ctx.Deadline(); ok || timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
