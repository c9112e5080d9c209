package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/textproto"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
)

// sendTime limits how long sending a message may take if its context has no earlier deadline.
const sendTime = time.Minute

// A pool holds the connections to the relay. The container starts it before its entrypoints, and
// stops it after the last call has ended.
type pool struct {
	relay string
	slots chan struct{} // has an element for each message being sent

	mu sync.Mutex

	idle   []*client
	closed bool
}

func newPool(h *service.Host) (*pool, error) {
	cfg, ok := service.Lookup[Config](h)
	switch {
	case !ok:
		return nil, errors.New("no relay is configured: add mail.Module to the application")
	case cfg.Connections < 1:
		return nil, fmt.Errorf("mail.connections: must be at least 1, not %d", cfg.Connections)
	}
	return &pool{relay: cfg.Relay, slots: make(chan struct{}, cfg.Connections)}, nil
}

// Start opens a connection, so that the process does not start if the relay is unreachable.
func (p *pool) Start(ctx context.Context) error {
	c, err := p.dial(ctx)
	if err == nil {
		p.put(c)
	}
	return err
}

// Stop ends the connections in order. All calls have ended, so all connections are idle.
func (p *pool) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range p.close() {
		errs = append(errs, c.within(ctx, c.smtp.Quit))
		c.conn.Close()
	}
	return errors.Join(errs...)
}

// Kill closes the idle connections. A message that is being sent fails when the context of its call
// ends.
func (p *pool) Kill() {
	for _, c := range p.close() {
		c.conn.Close()
	}
}

// send waits for a connection and sends m.
func (p *pool) send(ctx context.Context, from *mail.Address, m Message) error {
	to, err := mail.ParseAddress(m.To)
	if err != nil {
		return fmt.Errorf("mail to %q: %w", m.To, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return fmt.Errorf("mail: all %d connections to %s are in use: %w", cap(p.slots), p.relay, context.Cause(ctx))
	}
	c, err := p.get(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	err = c.send(ctx, from, to, m)
	if refused := (*textproto.Error)(nil); err == nil || errors.As(err, &refused) {
		p.put(c)
	} else {
		c.conn.Close()
	}
	if err != nil {
		return fmt.Errorf("mail to %s by %s: %w", m.To, p.relay, err)
	}
	return nil
}

// get returns a working connection. It checks idle ones, because relays close connections that are
// idle for long.
func (p *pool) get(ctx context.Context) (*client, error) {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return p.dial(ctx)
		}
		c := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		if c.within(ctx, c.smtp.Reset) == nil {
			return c, nil
		}
		c.conn.Close()
	}
}

// put keeps c for the next message.
func (p *pool) put(c *client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.late {
		c.conn.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// close closes the pool and returns its idle connections.
func (p *pool) close() []*client {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle, p.closed = nil, true
	return idle
}
