package transport

import (
	"context"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Bind binds a queue, by its Queue.Name, to an exchange with each of the keys. It writes all
// requests before it waits for the broker, so many keys take one round trip. Unlike [Conn.Declare],
// it binds on the current connection only: [Consume].Opened says when to bind again. If the broker
// refuses, the error is an [*Error], and some of the keys may be bound. While the connection is
// lost, Bind waits for it until ctx ends.
func (c *Conn) Bind(ctx context.Context, queue, exchange string, keys ...string) error {
	return c.onQueue(ctx, queue, func(ch *amqp.Channel, name string) error {
		for i, key := range keys {
			if err := ch.QueueBind(name, key, exchange, i < len(keys)-1, nil); err != nil {
				return fmt.Errorf("binding of queue %q to exchange %q with key %q: %w", queue, exchange, key, brokerError(err, binding))
			}
		}
		return nil
	})
}

// Unbind removes bindings made with [Conn.Bind]. Removing one that does not exist is not an error.
func (c *Conn) Unbind(ctx context.Context, queue, exchange string, keys ...string) error {
	return c.onQueue(ctx, queue, func(ch *amqp.Channel, name string) error {
		for _, key := range keys {
			if err := ch.QueueUnbind(name, key, exchange, nil); err != nil {
				return fmt.Errorf("binding of queue %q to exchange %q with key %q: %w", queue, exchange, key, brokerError(err, binding))
			}
		}
		return nil
	})
}

// onQueue calls f with a new channel and with the queue's name on the current connection.
func (c *Conn) onQueue(ctx context.Context, queue string, f func(ch *amqp.Channel, name string) error) error {
	s, err := c.session(ctx)
	if err != nil {
		return err
	}
	return s.do(ctx, func() error {
		ch, err := s.amqp.Channel()
		if err != nil {
			return brokerError(err, connecting)
		}
		defer ch.Close()
		return f(ch, s.queue(queue))
	})
}
