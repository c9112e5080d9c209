package transport

import (
	"context"
	"errors"
	"fmt"
)

// Publish sends p and waits until the broker has taken it. While the broker is away it waits for it. Errors:
// [*Returned] (mandatory, and no queue), [*Error] (no such exchange, or no right to write there), [ErrNacked],
// [ErrConnectionLost] (the outcome is not known), [ErrClosed],
// ctx's cause (the outcome is not known either), or what was wrong with p, found before it was written: a body over
// Config.MaxMessage ([*codec.TooLarge]), a key over 255 bytes, headers over a frame or of a type that AMQP has not, an
// expiration below zero.
func (c *Conn) Publish(ctx context.Context, p Publishing) error {
	result := make(chan error, 1)
	out, err := c.send(ctx, &p, func(err error) { result <- err })
	if err != nil {
		return err
	}
	confirmed := out.confirm.Done()
	for {
		select {
		case err := <-result:
			return err
		case <-confirmed:
			out.publisher.settle(out)
			confirmed = nil // the result comes now
		case <-ctx.Done():
			return fmt.Errorf("waiting for the broker's confirm: %w", out.publisher.session.late(ctx))
		}
	}
}

// Send sends p without waiting for the broker's confirm and calls settled exactly once with what Publish would have
// returned, from a goroutine of the connection's: it must not block. A return is reported at once, a confirm perhaps
// only after those of earlier publishings. settled is not called when Send itself returns an error; then p was not sent.
func (c *Conn) Send(ctx context.Context, p Publishing, settled func(error)) error {
	_, err := c.send(ctx, &p, settled)
	return err
}

func (c *Conn) send(ctx context.Context, p *Publishing, settled func(error)) (*outgoing, error) {
	message, err := c.encode(p)
	if err != nil {
		return nil, err
	}
	for {
		s, err := c.session(ctx)
		if err != nil {
			return nil, err
		}
		publisher, err := s.publishing(ctx)
		if err == nil {
			var out *outgoing
			if out, err = publisher.send(ctx, p, message, settled); err == nil {
				return out, nil
			}
		}
		if !errors.Is(err, errChannelClosed) {
			return nil, err
		}
	}
}
