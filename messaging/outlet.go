package messaging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// patience is how long a publishing waits for the broker whose ctx has no deadline.
const patience = 30 * time.Second

// An Outlet publishes payloads. It is for packages with fields of their own, such as events. It may be used by several
// goroutines, none of which waits for another's confirm.
type Outlet struct {
	topology transport.Topology
	conn     atomic.Pointer[transport.Conn] // nil until the container is set up
}

// NewOutlet returns an outlet for a field, on the connection that all of a container share. It declares t at setup, and again
// when an exchange turns out to be gone.
func NewOutlet(f *service.Field, t transport.Topology) (*Outlet, error) {
	h, err := service.Shared(f.Host, newHub)
	if err != nil {
		return nil, err
	}
	o := &Outlet{topology: t}
	h.outlets = append(h.outlets, o)
	return o, h.claim(f.Service, f.Name, t)
}

// OutletOf returns an outlet of a program that is no service. It declares nothing.
func OutletOf(conn *transport.Conn) *Outlet {
	o := &Outlet{}
	o.conn.Store(conn)
	return o
}

// open makes the outlet usable.
func (o *Outlet) open(ctx context.Context, conn *transport.Conn) error {
	if err := o.declare(ctx, conn); err != nil {
		return err
	}
	o.conn.Store(conn)
	return nil
}

func (o *Outlet) declare(ctx context.Context, conn *transport.Conn) error {
	if len(o.topology.Exchanges)+len(o.topology.Queues) == 0 {
		return nil
	}
	return conn.Declare(ctx, o.topology)
}

// Publish sends payload as p and returns when the broker has taken it. p says how the payload becomes the body: by its
// ContentType, that of a codec, "" for what the broker's Config says; and compressed if its header compression says zlib. The
// headers of ctx are added, context data and the id stack of ctx's call. It waits for the broker until ctx's deadline, or 30 s
// if it has none. The errors are those of [transport.Conn.Publish], and what of payload cannot be written.
func (o *Outlet) Publish(ctx context.Context, payload any, p transport.Publishing) error {
	conn := o.conn.Load()
	if conn == nil {
		return errors.New("the container has not started")
	}
	p.Headers = maps.Clone(p.Headers) // the caller's
	if err := write(conn, payload, &p); err != nil {
		return err
	}
	headers := HeadersOf(ctx, "")
	for name, value := range p.Headers {
		if _, taken := headers[name]; !taken { // context counts more, as in Nameko
			headers[name] = value
		}
	}
	p.Headers = headers

	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, fmt.Errorf("not in %s: %w", patience, context.DeadlineExceeded))
		defer cancel()
	}
	err := conn.Publish(ctx, p)
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound && len(o.topology.Exchanges) > 0 {
		if err = o.declare(ctx, conn); err == nil { // deleted, by itself if it is to, with the last queue on it
			err = conn.Publish(ctx, p)
		}
	}
	return err
}

// write makes p's body of payload, as p's properties say.
func write(conn *transport.Conn, payload any, p *transport.Publishing) (err error) {
	codecs := codec.Set{conn.Codec(), codec.JSON, msgpack.Codec}
	c := codecs.Of(p.ContentType)
	if c == nil {
		return fmt.Errorf("content_type %q has no codec: leave it out, or write %s", p.ContentType, codecs[1:])
	}
	if p.Body, err = c.Encode(payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	p.ContentType, p.ContentEncoding = c.ContentType(), c.ContentEncoding()
	switch compression := p.Headers["compression"]; compression {
	case nil, "":
	case codec.Zlib, "zlib", "gzip":
		p.Body, p.Headers["compression"] = codec.Deflate(p.Body), codec.Zlib
	default:
		return fmt.Errorf("compression %q is not supported: write zlib, or leave it out", compression)
	}
	return nil
}

// notFound is AMQP's reply code for an exchange that is not there.
const notFound = 404
