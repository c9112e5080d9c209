package transport

import (
	"context"
	"fmt"
	"time"
)

// Epoch counts the connections that c has made: 1 for the first.
func (c *Conn) Epoch() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// Wait returns when c is connected and its consumers consume, or with ctx's cause.
func (c *Conn) Wait(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s, err := c.session(ctx)
		if err != nil {
			return err
		}
		if c.consuming(s) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for consumers to consume again: %w", context.Cause(ctx))
		}
	}
}

// consuming tells whether the consumers that are not stopped consume on s.
func (c *Conn) consuming(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for consumer := range c.consumers {
		if ch := consumer.channel; !isClosed(consumer.stopped) && (ch == nil || ch.session != s || isClosed(ch.closed)) {
			return false
		}
	}
	return c.current == s
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// Refuses reports whether e refuses a publishing.
func (e *Error) Refuses(exchange, key string) bool { return e.refuses(exchange, key) }
