package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second

	// dialTimeout is for one broker of the list: connect, TLS, login.
	dialTimeout = 10 * time.Second
)

// keep is the goroutine that has the connection: it waits for the end of each session and makes the next.
func (c *Conn) keep(ctx context.Context, s *session) {
	for s != nil {
		select {
		case <-s.lost:
		case <-ctx.Done():
			return // Close closes the session
		}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.current, c.away = nil, s.err
		c.broadcast()
		c.mu.Unlock()
		c.log.Warn("connection to the broker lost", "broker", s.addr.shown, "err", s.err)
		s.wait()
		s = c.redial(ctx)
	}
}

// redial connects again, with the topology. It returns nil when ctx ends.
func (c *Conn) redial(ctx context.Context) *session {
	for attempt := 0; ; attempt++ {
		if !pause(ctx, attempt) {
			return nil
		}
		s, err := c.connect(ctx, c.at+1)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			c.mu.Lock()
			c.away = err
			c.mu.Unlock()
			c.log.Warn("cannot connect to the broker again", "err", err, "attempt", attempt+1)
			continue
		}
		abandon := context.AfterFunc(ctx, s.sock.abort) // Close does not know this session
		restored := c.restore(s)
		abandon()
		if s.isLost() {
			s.abort()
			continue
		}
		if !c.install(s) {
			s.abort()
			return nil
		}
		c.log.Info("connected to the broker again", "broker", s.addr.shown)
		if !restored {
			c.wg.Go(func() { c.insist(ctx, s) })
		}
		return s
	}
}

// connect tries the brokers of the list in turn, once, from the one at start on.
func (c *Conn) connect(ctx context.Context, start int) (*session, error) {
	var errs []error
	for i := range c.addresses {
		at := (start + i) % len(c.addresses)
		a := c.addresses[at]
		s, err := c.open(ctx, a)
		if err == nil {
			c.at = at
			return s, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", a.shown, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// pause waits before the attempt, counted from 0, and reports whether to go on.
func pause(ctx context.Context, attempt int) bool {
	d := min(backoffMin<<min(attempt, 10), backoffMax)
	timer := time.NewTimer(d/2 + rand.N(d/2)) // jitter keeps a fleet from coming back in step
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
