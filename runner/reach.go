package runner

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomeko/gomeko/transport"
)

// withBroker connects to the broker and calls do with a ctx that ends at a signal.
func (c *command) withBroker(ctx context.Context, name string, do func(context.Context, *transport.Conn) error) error {
	s, err := c.configuration()
	if err != nil {
		return err
	}
	return c.withBrokerOf(ctx, s, name, do, os.Interrupt, syscall.SIGTERM)
}

// withBrokerOf is like withBroker, with a configuration that was already read and other signals.
func (c *command) withBrokerOf(ctx context.Context, s *settings, name string, do func(context.Context, *transport.Conn) error, signals ...os.Signal) error {
	broker, err := c.reach(s, name)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	conn, err := transport.Dial(ctx, broker)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	return do(ctx, conn)
}
