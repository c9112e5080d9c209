package events

import (
	"context"

	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/transport"
)

// A Conn dispatches events from a program that is no service, as Nameko's event_dispatcher does. It may be used by
// several goroutines.
type Conn struct {
	conn *transport.Conn
	out  *publish.Publisher
}

// Dial connects to the broker. ctx limits only that.
func Dial(ctx context.Context, broker transport.Config) (*Conn, error) {
	conn, err := transport.Dial(ctx, broker)
	if err != nil {
		return nil, err
	}
	return &Conn{conn, publish.On(conn)}, nil
}

// Dispatcher returns a dispatcher of events in the name of a service. It does not declare the service's exchange: where
// neither the service nor one that listens to it has ever run, dispatching is an error. Options set what its events have that
// others have not, as those of messaging.Publisher do:
//
//	conn.Dispatcher("users", func(m *transport.Publishing) { m.Mandatory = true })
func (c *Conn) Dispatcher(service string, options ...func(*transport.Publishing)) Dispatcher {
	return dispatcher(c.out, service, options...)
}

// Close closes the connection within ctx.
func (c *Conn) Close(ctx context.Context) error { return c.conn.Close(ctx) }
