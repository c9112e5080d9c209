package transport

import "context"

// Publish sends p and waits until the broker has taken it. Errors: [*Returned] (mandatory, and
// no queue), [ErrNacked], [ErrConnectionLost] (the outcome is not known), ctx's cause,
// or what was wrong with p, found before it was written: a body over Config.MaxMessage
// ([*TooLarge]), a key over 255 bytes, headers over a frame, an expiration below zero.
func (c *Conn) Publish(ctx context.Context, p Publishing) error { panic("sketch") }

// Send sends p without waiting for the broker's confirm and calls settled exactly once with
// what Publish would have returned, from a goroutine of the connection's: it must not block.
// settled is not called when Send itself returns an error.
func (c *Conn) Send(ctx context.Context, p Publishing, settled func(error)) error { panic("sketch") }
