package transport

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Topology names exchanges, queues and bindings that must exist.
type Topology struct {
	Exchanges []Exchange
	Queues    []Queue
	Bindings  []Binding
}

// An Exchange is declared durable or transient, of kind "topic", "direct", "fanout", "headers", or of one that a plugin brings.
type Exchange struct {
	Name       string
	Kind       string
	Durable    bool
	AutoDelete bool
	Args       Table
}

// A Queue is declared with the flags and arguments given; another declaration of the
// same name with others is refused by the broker (406).
type Queue struct {
	Name       string
	Durable    bool
	AutoDelete bool
	Exclusive  bool
	Args       Table

	// Gone is called, unless it is nil, when the queue is gone, with what was in it, and about to be declared again. It must
	// not block.
	Gone func()
}

// A Binding routes messages from an exchange to a queue by key.
type Binding struct {
	Queue    string
	Exchange string
	Key      string
	Args     Table
}

// Declare declares t now and again after every redial, exchanges first, then queues, then bindings, on a channel of
// its own. A refusal of the broker ([*Error]) is returned and nothing is remembered, though what came before it in t
// exists by then. While the broker is away Declare waits for it, as long as ctx does.
func (c *Conn) Declare(ctx context.Context, t Topology) error {
	for {
		s, err := c.session(ctx)
		if err != nil {
			return err
		}
		err = s.do(ctx, func() error { return s.declare(t) })
		if errors.Is(err, errChannelClosed) {
			continue
		}
		if err != nil {
			return err
		}
		c.mu.Lock()
		up := c.current == s // or the next session may have missed it
		if up {
			c.topology.merge(t)
		}
		c.mu.Unlock()
		if up {
			return nil
		}
	}
}

// Inspect looks at a queue without changing anything: how many messages are ready in it, which does not count those that
// a consumer holds, and how many consumers it has. No such queue is an [*Error] (404). It is a call to the broker on a
// channel of its own, nothing to do often; while the broker is away Inspect waits for it, as long as ctx does.
func (c *Conn) Inspect(ctx context.Context, queue string) (messages, consumers int, err error) {
	for {
		s, err := c.session(ctx)
		if err != nil {
			return 0, 0, err
		}
		found := make(chan amqp.Queue, 1) // not a variable: if ctx ends first, the answer comes later
		err = s.do(ctx, func() error {
			q, err := s.inspect(queue)
			found <- q
			return err
		})
		switch {
		case err == nil:
			q := <-found
			return q.Messages, q.Consumers, nil
		case !errors.Is(err, errChannelClosed):
			return 0, 0, fmt.Errorf("queue %q: %w", queue, err)
		}
	}
}

// Delete deletes a queue with what is in it, and forgets it: it is not declared again. One that is not there is no error.
// It does not wait for a broker that is away: then, as when the connection is lost, the queue may be left, and the error is
// [ErrConnectionLost]. A broker that does not answer is waited for as long as ctx allows.
func (c *Conn) Delete(ctx context.Context, queue string) error {
	c.mu.Lock()
	c.topology.forget(queue)
	s := c.current
	c.mu.Unlock()
	err := errChannelClosed
	if s != nil {
		err = s.do(ctx, func() error { return s.delete(queue) })
	}
	if errors.Is(err, errChannelClosed) {
		err = ErrConnectionLost
	}
	if err != nil {
		return fmt.Errorf("delete queue %q: %w", queue, err)
	}
	return nil
}

func (s *session) delete(queue string) error {
	ch, err := s.amqp.Channel()
	if err != nil {
		return gone(err, connecting)
	}
	defer ch.Close()
	_, err = ch.QueueDelete(queue, false, false, false)
	return gone(err, declaring) // it needs the same right
}

func (s *session) inspect(queue string) (amqp.Queue, error) {
	ch, err := s.amqp.Channel()
	if err != nil {
		return amqp.Queue{}, gone(err, connecting)
	}
	defer ch.Close()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	return q, gone(err, connecting)
}

// restore declares on s all that was declared before, and reports whether. What is refused now (somebody has declared
// it otherwise, or taken a permission away) is logged, and the rest goes on.
func (c *Conn) restore(s *session) bool {
	c.mu.Lock()
	t := c.topology.clone()
	c.mu.Unlock()
	s.find(t.Queues)
	err := s.declare(t)
	if err == nil || errors.Is(err, errChannelClosed) {
		return err == nil
	}
	for _, part := range t.parts() {
		err := s.declare(part)
		if errors.Is(err, errChannelClosed) {
			return false
		}
		if err != nil {
			c.log.Error("broker refuses what it once took, trying again", "broker", s.addr.shown, "err", err)
		}
	}
	return false
}

// find tells those who want to know of it that their queue is gone.
func (s *session) find(queues []Queue) {
	for _, q := range queues {
		if q.Gone == nil {
			continue
		}
		var refused *Error
		if _, err := s.inspect(q.Name); errors.As(err, &refused) && refused.Code == amqp.NotFound {
			q.Gone()
		}
	}
}

// insist restores what was refused, with a back-off, until it is taken or s ends.
func (c *Conn) insist(ctx context.Context, s *session) {
	for attempt := 1; pause(ctx, attempt) && !s.isLost() && !c.restore(s); attempt++ {
	}
}

// declare declares t on a channel that it opens and closes.
func (s *session) declare(t Topology) error {
	ch, err := s.amqp.Channel()
	if err != nil {
		return gone(err, connecting)
	}
	defer ch.Close()
	for _, e := range t.Exchanges {
		args, _, err := encodeTable(e.Args)
		if err == nil {
			err = gone(ch.ExchangeDeclare(e.Name, e.Kind, e.Durable, e.AutoDelete, false, false, args), declaring)
		}
		if err != nil {
			return fmt.Errorf("exchange %q: %w", e.Name, err)
		}
	}
	for _, q := range t.Queues {
		args, _, err := encodeTable(q.Args)
		if err == nil {
			_, err = ch.QueueDeclare(q.Name, q.Durable, q.AutoDelete, q.Exclusive, false, args)
			err = gone(err, declaring)
		}
		if err != nil {
			return fmt.Errorf("queue %q: %w", q.Name, err)
		}
	}
	for _, b := range t.Bindings {
		args, _, err := encodeTable(b.Args)
		if err == nil {
			err = gone(ch.QueueBind(b.Queue, b.Key, b.Exchange, false, args), binding)
		}
		if err != nil {
			return fmt.Errorf("binding of queue %q to exchange %q by %q: %w", b.Queue, b.Exchange, b.Key, err)
		}
	}
	return nil
}

// merge adds what is new of u.
func (t *Topology) merge(u Topology) {
	t.Exchanges = union(t.Exchanges, u.Exchanges)
	t.Queues = union(t.Queues, u.Queues)
	t.Bindings = union(t.Bindings, u.Bindings)
}

// forget takes a queue out, with its bindings.
func (t *Topology) forget(queue string) {
	t.Queues = slices.DeleteFunc(t.Queues, func(q Queue) bool { return q.Name == queue })
	t.Bindings = slices.DeleteFunc(t.Bindings, func(b Binding) bool { return b.Queue == queue })
}

func union[T any](known, more []T) []T {
	for _, m := range more {
		if !slices.ContainsFunc(known, func(k T) bool { return reflect.DeepEqual(k, m) }) {
			known = append(known, m)
		}
	}
	return known
}

func (t Topology) clone() Topology {
	return Topology{slices.Clone(t.Exchanges), slices.Clone(t.Queues), slices.Clone(t.Bindings)}
}

// parts takes t apart, for a refusal closes the channel that the rest needs.
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
