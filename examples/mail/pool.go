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

// sendTime is how long a message may take when its ctx says nothing.
const sendTime = time.Minute

// A pool is the connections to the relay. It is what the container starts before its services, and stops after them.
type pool struct {
	relay string
	slots chan struct{} // has an element for each message on its way

	mu sync.Mutex

	idle []*client
	over bool
}

func newPool(h *service.Host) (*pool, error) {
	cfg, ok := service.Lookup[Config](h)
	switch {
	case !ok:
		return nil, errors.New("no relay is configured: add mail.Module to the application")
	case cfg.Connections < 1:
		return nil, fmt.Errorf("mail.connections is %d: leave it out, or make it 1 or more", cfg.Connections)
	}
	return &pool{relay: cfg.Relay, slots: make(chan struct{}, cfg.Connections)}, nil
}

// Start connects once: a relay that is not there is told before anything runs.
func (p *pool) Start(ctx context.Context) error {
	c, err := p.dial(ctx)
	if err == nil {
		p.put(c)
	}
	return err
}

// Stop takes leave of the relay. Every call has ended, so no connection is in use.
func (p *pool) Stop(ctx context.Context) error {
	var errs []error
	for _, c := range p.close() {
		errs = append(errs, c.within(ctx, c.smtp.Quit))
		c.conn.Close()
	}
	return errors.Join(errs...)
}

// Kill hangs up. A message on its way ends with the ctx of its call.
func (p *pool) Kill() {
	for _, c := range p.close() {
		c.conn.Close()
	}
}

// send sends m when one of the connections is free.
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

// get returns a connection that still works: relays hang up on who is silent.
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
	if p.over || c.late {
		c.conn.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// close ends the pool and returns what was idle.
func (p *pool) close() []*client {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle, p.over = nil, true
	return idle
}
