package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/wait"
)

const (
	// topologyCheck is the default of Config.TopologyCheck.
	topologyCheck = time.Minute

	// repairEvery is the shortest interval at which publishings can cause the topology to be declared
	// again.
	repairEvery = time.Second
)

// repair is the goroutine that restores exchanges, queues and bindings that somebody else has
// deleted at the broker. It declares the topology again at intervals, and when a publishing shows
// that a part of it is missing.
func (c *Conn) repair(ctx context.Context) {
	interval := c.cfg.TopologyCheck
	if interval == 0 {
		interval = topologyCheck
	}
	var tick <-chan time.Time
	if interval > 0 {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		var sign error
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case sign = <-c.signs:
		}
		c.mu.Lock()
		s := c.current
		c.mu.Unlock()
		if s == nil || s.isLost() {
			continue // the topology is declared after the reconnect
		}
		if sign != nil {
			c.log.Warn("declaring the topology again", "broker", s.addr.redacted, "err", sign)
		}
		c.restore(s)
		if sign != nil && !wait.For(ctx, repairEvery) {
			return
		}
	}
}

// restore declares the topology again, and logs the exchanges and queues that were missing. The
// broker does not say whether a binding was missing.
func (c *Conn) restore(s *session) {
	c.mu.Lock()
	t := c.topology.clone()
	c.mu.Unlock()
	if len(t.Exchanges)+len(t.Queues)+len(t.Bindings) == 0 {
		return
	}
	missing := t.missing(s)
	if c.redeclare(s) && len(missing) > 0 {
		c.log.Warn("declared again what was deleted at the broker", "broker", s.addr.redacted, "what", strings.Join(missing, ", "))
	}
}

// redeclare declares everything on s that was declared before, and reports whether the broker
// accepted it. It logs a refusal (somebody has declared a part differently, or removed a
// permission) and declares the rest.
func (c *Conn) redeclare(s *session) bool {
	c.mu.Lock()
	t, deletions := c.topology.clone(), c.deletions
	c.mu.Unlock()
	var ch *amqp.Channel
	accepted := true
	for _, part := range t.parts() {
		var err error
		if ch == nil {
			if ch, err = s.amqp.Channel(); err != nil {
				return false
			}
		}
		if err = c.redeclarePart(part, deletions, ch, s); err == nil {
			continue
		}
		accepted = false
		_ = ch.Close() // a refusal has closed it
		if ch = nil; errors.Is(err, errChannelClosed) {
			return false
		}
		c.refused("broker refuses a declaration that it accepted before, trying again", "declaration", err, "broker", s.addr.redacted)
	}
	if ch != nil {
		_ = ch.Close()
	}
	return accepted
}

// redeclarePart declares an exchange, a queue or a binding that was in the Conn's topology when
// deletions was read. It does nothing if [Conn.Delete] has removed it since.
func (c *Conn) redeclarePart(part Topology, deletions int, ch *amqp.Channel, s *session) error {
	defer c.names.lock(part.names()...)()
	c.mu.Lock()
	known := c.deletions == deletions || c.topology.contains(part)
	c.mu.Unlock()
	if !known {
		return nil
	}
	part.reportMissing(s)
	return part.declareOn(ch, s)
}

// redeclareLater declares everything again, with backoff, until the broker accepts it or s ends.
func (c *Conn) redeclareLater(ctx context.Context, s *session) {
	for attempt := 1; backoff(ctx, attempt) && !s.isLost() && !c.redeclare(s); attempt++ {
	}
}

// reportMissing calls OnMissing of the queues that do not exist.
func (t Topology) reportMissing(s *session) {
	for _, q := range t.Queues {
		if q.OnMissing == nil {
			continue
		}
		var refused *Error
		if _, err := inspect(s, q.Name); errors.As(err, &refused) && refused.Code == amqp.NotFound {
			q.OnMissing()
		}
	}
}

// parts returns a Topology for each exchange, queue and binding.
func (t Topology) parts() []Topology {
	var parts []Topology
	for _, e := range t.Exchanges {
		parts = append(parts, Topology{Exchanges: []Exchange{e}})
	}
	for _, q := range t.Queues {
		parts = append(parts, Topology{Queues: []Queue{q}})
	}
	for _, b := range t.Bindings {
		parts = append(parts, Topology{Bindings: []Binding{b}})
	}
	return parts
}

// missing returns the exchanges and queues that do not exist.
func (t Topology) missing(s *session) (names []string) {
	var ch *amqp.Channel
	check := func(what, name string, passive func() error) bool {
		if ch == nil || ch.IsClosed() { // by a 404
			var err error
			if ch, err = s.amqp.Channel(); err != nil {
				return false
			}
		}
		var refused *Error
		if err := brokerError(passive(), declaring); errors.As(err, &refused) && refused.Code == amqp.NotFound {
			names = append(names, fmt.Sprintf("%s %q", what, name))
		}
		return true
	}
	for _, e := range t.Exchanges {
		if !check("exchange", e.Name, func() error {
			return ch.ExchangeDeclarePassive(e.Name, e.Kind, e.Durable, e.AutoDelete, false, false, nil)
		}) {
			return names
		}
	}
	for _, q := range t.Queues {
		if !check("queue", q.Name, func() error {
			_, err := ch.QueueDeclarePassive(s.queue(q.Name), q.Durable, q.AutoDelete, q.Exclusive, false, nil)
			return err
		}) {
			return names
		}
	}
	if ch != nil {
		_ = ch.Close()
	}
	return names
}

// suspect requests a new declaration of the topology after a publishing failed with err, if
// according to the topology it should not have failed.
func (c *Conn) suspect(exchange, key string, err error) {
	var refused *Error
	var returned *Returned
	c.mu.Lock()
	t := c.topology
	ours := false
	switch {
	case errors.As(err, &refused) && refused.Code == amqp.NotFound:
		ours = slices.ContainsFunc(t.Exchanges, func(e Exchange) bool { return e.Name == exchange })
	case errors.As(err, &returned):
		ours = t.routes(exchange, key)
	}
	c.mu.Unlock()
	if ours {
		select {
		case c.signs <- err:
		default:
		}
	}
}

// routes reports whether the topology routes a message to one of its queues.
func (t Topology) routes(exchange, key string) bool {
	if exchange == "" {
		return slices.ContainsFunc(t.Queues, func(q Queue) bool { return q.Name == key })
	}
	kind := ""
	if i := slices.IndexFunc(t.Exchanges, func(e Exchange) bool { return e.Name == exchange }); i >= 0 {
		kind = t.Exchanges[i].Kind
	}
	return slices.ContainsFunc(t.Bindings, func(b Binding) bool {
		switch {
		case b.Exchange != exchange:
			return false
		case kind == "fanout":
			return true
		case kind == "topic":
			return matches(strings.Split(b.Key, "."), strings.Split(key, "."))
		}
		return b.Key == key
	})
}

// matches reports whether the words of a routing key match the pattern of a topic binding.
func matches(pattern, words []string) bool {
	switch {
	case len(pattern) == 0:
		return len(words) == 0
	case pattern[0] == "#":
		return matches(pattern[1:], words) || len(words) > 0 && matches(pattern, words[1:])
	case len(words) == 0 || pattern[0] != "*" && pattern[0] != words[0]:
		return false
	}
	return matches(pattern[1:], words[1:])
}
