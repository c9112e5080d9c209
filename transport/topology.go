package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Topology is a set of exchanges, queues and bindings to declare.
type Topology struct {
	Exchanges []Exchange
	Queues    []Queue
	Bindings  []Binding
}

// An Exchange routes messages to queues. Kind is "topic", "direct", "fanout", "headers", or the
// type of a plugin.
type Exchange struct {
	Name       string
	Kind       string
	Durable    bool
	AutoDelete bool
	Args       Table
}

// A Queue holds messages. The broker refuses to declare a queue that exists with other flags or
// arguments (406).
type Queue struct {
	Name       string
	Durable    bool
	AutoDelete bool
	Exclusive  bool
	Args       Table

	// Kept declares the queue only if it is missing; an existing queue stays as it is, whatever its
	// flags and arguments. So an argument that depends on the configuration may change without a 406,
	// and applies to new queues. It is for queues that several versions of a program share.
	Kept bool

	// Unlimited makes a quorum queue keep a message however often it was returned to the queue.
	// RabbitMQ 4.0 and newer drop a message at the 21st return, unless the queue has the argument
	// x-delivery-limit -1. An older broker has no limit by default, and with -1 would drop a message
	// at the first return. The argument is therefore sent only to RabbitMQ 4.0 or newer. Set Kept too,
	// because a queue that an older broker has created cannot be declared with the argument.
	Unlimited bool

	// Renewed, if set, is the prefix of the queue's name on every connection after the first; a random
	// UUID without dashes follows it. On the first connection, the name is Name. Bindings, a [Consume]
	// and [Conn.Delete] use Name on every connection. Renewed is for exclusive queues, because the
	// broker locks the old name until it notices that the lost connection is dead.
	Renewed string

	// OnMissing, if set, is called after a reconnect, or before a consumer resumes, if the queue has
	// disappeared with its messages. Then the queue is declared again. OnMissing must not block.
	OnMissing func()
}

// A Binding routes messages from an exchange to a queue by routing key.
type Binding struct {
	Queue    string
	Exchange string
	Key      string
	Args     Table
}

// Declare declares t: exchanges first, then queues, then bindings. It declares t again after every
// reconnect, and when a part of it is deleted (see [Config].TopologyCheck). If the broker refuses a
// part, Declare returns an [*Error], and t is not declared again; the parts before the refused one
// exist by then. While the connection is lost, Declare waits for it until ctx ends.
func (c *Conn) Declare(ctx context.Context, t Topology) error {
	for {
		s, err := c.session(ctx)
		if err != nil {
			return err
		}
		known := false // t is part of the Conn's topology
		err = s.do(ctx, func() (err error) {
			defer c.names.lock(t.names()...)()
			if err = ctx.Err(); err == nil {
				err = t.declare(s)
			}
			if err == nil {
				known = c.learn(s, t)
			}
			return err
		})
		if errors.Is(err, errChannelClosed) {
			continue
		}
		if err != nil || known {
			return err
		}
	}
}

// learn adds t to the topology that is declared again. It returns false if s was lost after t was
// declared on it, because the next session may lack t.
func (c *Conn) learn(s *session, t Topology) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == s {
		c.topology.merge(t)
	}
	return c.current == s
}

// names returns the names of the queues that t declares or binds.
func (t Topology) names() []string {
	names := map[string]bool{}
	for _, q := range t.Queues {
		names[q.Name] = true
	}
	for _, b := range t.Bindings {
		names[b.Queue] = true
	}
	return slices.Collect(maps.Keys(names))
}

// declare declares t on a new channel.
func (t Topology) declare(s *session) error {
	ch, err := s.amqp.Channel()
	if err != nil {
		return brokerError(err, connecting)
	}
	defer ch.Close()
	return t.declareOn(ch, s)
}

// declareOn declares t on a channel of s.
func (t Topology) declareOn(ch *amqp.Channel, s *session) error {
	for _, e := range t.Exchanges {
		args, _, err := encodeTable(e.Args)
		if err == nil {
			err = brokerError(ch.ExchangeDeclare(e.Name, e.Kind, e.Durable, e.AutoDelete, false, false, args), declaring)
		}
		if err != nil {
			return fmt.Errorf("exchange %q: %w", e.Name, err)
		}
	}
	for _, q := range t.Queues {
		declare := q.declare
		if q.Kept {
			declare = q.declareMissing
		}
		if err := declare(s, ch); err != nil {
			return fmt.Errorf("queue %q: %w", q.Name, err)
		}
	}
	for _, b := range t.Bindings {
		args, _, err := encodeTable(b.Args)
		if err == nil {
			err = brokerError(ch.QueueBind(s.queue(b.Queue), b.Key, b.Exchange, false, args), binding)
		}
		if err != nil {
			return fmt.Errorf("binding of queue %q to exchange %q with key %q: %w", b.Queue, b.Exchange, b.Key, err)
		}
	}
	return nil
}

// declare declares the queue on a channel of s.
func (q Queue) declare(s *session, ch *amqp.Channel) error {
	args, _, err := encodeTable(q.Args)
	if err != nil {
		return err
	}
	if q.Unlimited && s.major() >= 4 {
		args = maps.Clone(args)
		if args == nil {
			args = amqp.Table{}
		}
		args["x-delivery-limit"] = int32(-1)
	}
	_, err = ch.QueueDeclare(s.rename(q), q.Durable, q.AutoDelete, q.Exclusive, false, args)
	return brokerError(err, declaring)
}

// declareMissing declares the queue if it does not exist. It does not use the channel that it is
// called with, because the broker closes a channel with each of the refusals that it may get here.
func (q Queue) declareMissing(s *session, _ *amqp.Channel) error {
	var refused *Error
	if _, err := inspect(s, q.Name); !errors.As(err, &refused) || refused.Code != amqp.NotFound {
		return err
	}
	ch, err := s.amqp.Channel()
	if err != nil {
		return brokerError(err, connecting)
	}
	defer ch.Close()
	if err = q.declare(s, ch); errors.As(err, &refused) && refused.Code == amqp.PreconditionFailed {
		if _, err := inspect(s, q.Name); err == nil {
			return nil // another process has created it since
		}
	}
	return err
}

// merge adds what u has and t lacks.
func (t *Topology) merge(u Topology) {
	t.Exchanges = union(t.Exchanges, u.Exchanges)
	t.Queues = union(t.Queues, u.Queues)
	t.Bindings = union(t.Bindings, u.Bindings)
}

func union[E any](known, more []E) []E {
	for _, m := range more {
		if !has(known, m) {
			known = append(known, m)
		}
	}
	return known
}

func has[E any](known []E, m E) bool {
	return slices.ContainsFunc(known, func(k E) bool { return reflect.DeepEqual(k, m) })
}

// contains reports whether t has part, one of [Topology.parts]. Queues are compared by name only,
// since functions like OnMissing cannot be compared.
func (t Topology) contains(part Topology) bool {
	switch {
	case len(part.Exchanges) > 0:
		return has(t.Exchanges, part.Exchanges[0])
	case len(part.Queues) > 0:
		return slices.ContainsFunc(t.Queues, func(q Queue) bool { return q.Name == part.Queues[0].Name })
	}
	return has(t.Bindings, part.Bindings[0])
}

// remove removes a queue and its bindings.
func (t *Topology) remove(queue string) {
	t.Queues = slices.DeleteFunc(t.Queues, func(q Queue) bool { return q.Name == queue })
	t.Bindings = slices.DeleteFunc(t.Bindings, func(b Binding) bool { return b.Queue == queue })
}

func (t Topology) clone() Topology {
	return Topology{slices.Clone(t.Exchanges), slices.Clone(t.Queues), slices.Clone(t.Bindings)}
}

// Inspect returns how many messages are ready in a queue, not counting those that consumers hold,
// and how many consumers it has. If the queue does not exist, the error is an [*Error] (404).
// Inspect opens a channel and asks the broker, so do not call it often. While the connection is
// lost, it waits for it until ctx ends.
func (c *Conn) Inspect(ctx context.Context, queue string) (messages, consumers int, err error) {
	for {
		s, err := c.session(ctx)
		if err != nil {
			return 0, 0, err
		}
		found := make(chan amqp.Queue, 1) // not a variable: the answer may come after ctx has ended
		err = s.do(ctx, func() error {
			q, err := inspect(s, queue)
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

// Queues returns the sorted names of the queues that this Conn has declared, except exclusive ones,
// and of those that its consumers consume.
func (c *Conn) Queues() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]bool{}
	for consumer := range c.consumers {
		names[consumer.cfg.Queue] = true
	}
	for _, q := range c.topology.Queues {
		names[q.Name] = !q.Exclusive
	}
	maps.DeleteFunc(names, func(_ string, kept bool) bool { return !kept })
	return slices.Sorted(maps.Keys(names))
}

func inspect(s *session, queue string) (amqp.Queue, error) {
	ch, err := s.amqp.Channel()
	if err != nil {
		return amqp.Queue{}, brokerError(err, connecting)
	}
	defer ch.Close()
	q, err := ch.QueueDeclarePassive(s.queue(queue), false, false, false, false, nil)
	return q, brokerError(err, connecting)
}

// Delete deletes a queue with its messages, and does not declare it again after a reconnect.
// Deleting a queue that does not exist is not an error. Delete waits for the broker's answer until
// ctx ends, but not for a lost connection: if the connection is lost, before or meanwhile, it
// returns [ErrConnectionLost], and the queue may still exist.
func (c *Conn) Delete(ctx context.Context, queue string) error {
	s := c.forget(queue)
	err := errChannelClosed
	if s != nil {
		err = s.do(ctx, func() error {
			defer c.names.lock(queue)()
			if err := ctx.Err(); err != nil {
				return err
			}
			c.forget(queue) // also what a concurrent Declare has added
			return deleteQueue(s, queue)
		})
	}
	if errors.Is(err, errChannelClosed) {
		err = ErrConnectionLost
	}
	if err != nil {
		return fmt.Errorf("delete queue %q: %w", queue, err)
	}
	return nil
}

// forget removes a queue and its bindings from the topology that is declared again. It returns the
// current session.
func (c *Conn) forget(queue string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topology.remove(queue)
	c.deletions++
	return c.current
}

func deleteQueue(s *session, queue string) error {
	ch, err := s.amqp.Channel()
	if err != nil {
		return brokerError(err, connecting)
	}
	defer ch.Close()
	_, err = ch.QueueDelete(s.queue(queue), false, false, false)
	return brokerError(err, declaring) // it needs the same permission
}
