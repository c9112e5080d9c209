package rpc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/gomeko/gomeko/transport"
)

// A Conn calls services from a program that is none, as Nameko's ClusterRpcProxy does. It may be used by several
// goroutines.
type Conn struct {
	conn   *transport.Conn
	caller *caller
}

// Dial connects to the broker and makes the reply queue. ctx limits only that.
func Dial(ctx context.Context, broker transport.Config, cfg Config) (*Conn, error) {
	conn, err := transport.Dial(ctx, broker)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, caller: newCaller(broker, cfg, cmp.Or(broker.Logger, slog.Default()))}
	if err := c.caller.open(ctx, conn, "standalone_rpc_proxy"); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return c, nil
}

// Client returns a client of the service named.
func (c *Conn) Client(service string) Client { return Client{service: service, caller: c.caller} }

// Close fails the calls that wait, deletes the reply queue, and closes the connection within ctx. A reply queue that the
// broker was not there to delete goes by itself, five minutes later.
func (c *Conn) Close(ctx context.Context) error {
	return errors.Join(c.caller.close(ctx), c.conn.Close(ctx))
}
