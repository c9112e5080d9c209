package transport

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Use is what a program asks of a broker, for [Conn.Rehearse].
type Use struct {
	Topology
	Consumes []string // queues
	Writes   []string // exchanges to publish to; "" is the default exchange
}

// Rehearse checks whether the broker would accept u, without doing it. It returns the refusals,
// each of which wraps an [*Error]: what exists with other flags or arguments, and what the user may
// not declare, bind, consume or publish to. Nothing is created, bound or consumed, and no message
// moves. Each request is made to fail even with the permissions, such as one to declare a queue
// with a negative x-max-length. Only an exchange or a queue that exists is declared as in u, which
// changes nothing.
//
// Rehearse does not check the permissions for topics, nor all values of the arguments of a queue
// that does not exist yet. The broker logs the requests that it refuses. err says why the broker
// could not be asked. A refusal that closes more than a channel ends the connection; the Conn
// reconnects as usual.
func (c *Conn) Rehearse(ctx context.Context, u Use) (refusals []error, err error) {
	for _, ask := range u.questions() {
		refusal, err := c.ask(ctx, ask)
		if err != nil {
			return refusals, err
		}
		if refusal != nil {
			refusals = append(refusals, refusal)
		}
	}
	return refusals, nil
}

// A question is one request of a rehearsal. It returns the broker's refusal, or nil if there is
// none.
type question func(s *session, ch *amqp.Channel) error

// questions returns the requests for u.
func (u Use) questions() (all []question) {
	for _, e := range u.Exchanges {
		all = append(all, e.rehearse)
	}
	for _, q := range u.Queues {
		all = append(all, q.rehearse)
	}
	for _, b := range u.Bindings {
		all = append(all, b.rehearse)
	}
	for _, name := range u.Consumes {
		all = append(all, func(_ *session, ch *amqp.Channel) error { return rehearseConsume(ch, name) })
	}
	for _, name := range u.Writes {
		all = append(all, func(_ *session, ch *amqp.Channel) error { return rehearseWrite(ch, name) })
	}
	return all
}

// ask asks a question on a new channel. If the connection is lost before the question is asked, it
// uses the next one.
func (c *Conn) ask(ctx context.Context, q question) (refusal, err error) {
	for {
		s, err := c.session(ctx)
		if err != nil {
			return nil, err
		}
		err = s.do(ctx, func() error {
			ch, err := s.amqp.Channel()
			if err != nil {
				return brokerError(err, connecting)
			}
			defer ch.Close()
			return q(s, ch)
		})
		if errors.Is(err, errChannelClosed) && s.isLost() {
			err = s.err // a refusal that has closed the connection, or its loss
		}
		var refused *Error
		switch {
		case errors.As(err, &refused):
			return err, nil
		case errors.Is(err, errChannelClosed):
			continue
		}
		return nil, err
	}
}

// rehearse tests the declaration of an exchange.
func (e Exchange) rehearse(s *session, ch *amqp.Channel) error {
	args, _, err := encodeTable(e.Args)
	if err != nil {
		return err
	}
	exists, err := isThere(s, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(e.Name, e.Kind, e.Durable, e.AutoDelete, false, false, nil)
	})
	if err != nil {
		return fmt.Errorf("exchange %q: %w", e.Name, err)
	}
	if !exists {
		args = with(args, "alternate-exchange", int32(0)) // refused: it must be a name
	}
	err = brokerError(ch.ExchangeDeclare(e.Name, e.Kind, e.Durable, e.AutoDelete, false, false, args), declaring)
	if err = unless(err, amqp.PreconditionFailed, "arg 'alternate-exchange'", !exists); err != nil {
		return fmt.Errorf("exchange %q: %w", e.Name, err)
	}
	return nil
}

// rehearse tests the declaration of a queue.
func (q Queue) rehearse(s *session, ch *amqp.Channel) error {
	exists, err := isThere(s, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(q.Name, q.Durable, q.AutoDelete, q.Exclusive, false, nil)
		return err
	})
	if err == nil && !(exists && q.Kept) {
		if !exists {
			q.Args = with(q.Args, "x-max-length", int32(-1)) // refused: it must not be negative
		}
		err = unless(q.declare(s, ch), amqp.PreconditionFailed, "arg 'x-max-length'", !exists)
	}
	if err != nil {
		return fmt.Errorf("queue %q: %w", q.Name, err)
	}
	return nil
}

// rehearse asks to remove a binding that nobody has made, which takes the same permissions as
// making it.
func (b Binding) rehearse(_ *session, ch *amqp.Channel) error {
	err := brokerError(ch.QueueUnbind(b.Queue, "gomeko.doctor."+rand.Text(), b.Exchange, nil), binding)
	if err = unless(err, amqp.NotFound, "", true); err != nil {
		return fmt.Errorf("binding of queue %q to exchange %q: %w", b.Queue, b.Exchange, err)
	}
	return nil
}

// rehearseConsume requests a consumer with a priority that is not a number.
func rehearseConsume(ch *amqp.Channel, queue string) error {
	_, err := ch.Consume(queue, "", false, false, false, false, amqp.Table{"x-priority": "none"})
	err = brokerError(err, consuming)
	err = unless(err, amqp.NotFound, "", true)
	if err = unless(err, amqp.PreconditionFailed, "", true); err != nil {
		return fmt.Errorf("consuming queue %q: %w", queue, err)
	}
	return nil
}

// rehearseWrite asks to remove a binding of the exchange to another one, which nobody has made.
// That takes the permission to publish to the exchange, which the broker checks first.
func rehearseWrite(ch *amqp.Channel, exchange string) error {
	nowhere := "gomeko.doctor." + rand.Text()
	err := brokerError(ch.ExchangeUnbind(exchange, nowhere, nowhere, false, nil), publishing)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == amqp.AccessRefused &&
		strings.Contains(refused.Text, "access to exchange '"+cmp.Or(exchange, "amq.default")+"' in ") {
		return fmt.Errorf("publishing to exchange %q: %w", exchange, err)
	}
	if errors.As(err, &refused) && (refused.Code == amqp.AccessRefused || refused.Code == amqp.NotFound) {
		return nil // of the source, or because the default exchange has no bindings
	}
	return err
}

// isThere reports whether a passive declaration finds what it asks for.
func isThere(s *session, passive func(*amqp.Channel) error) (bool, error) {
	ch, err := s.amqp.Channel()
	if err != nil {
		return false, brokerError(err, connecting)
	}
	defer ch.Close()
	err = brokerError(passive(ch), declaring)
	return err == nil, unless(err, amqp.NotFound, "", true)
}

// unless returns err, or nil if it is the expected refusal, with this code and text.
func unless(err error, code int, text string, expected bool) error {
	var refused *Error
	if expected && errors.As(err, &refused) && refused.Code == code && strings.Contains(refused.Text, text) {
		return nil
	}
	return err
}

// with returns a copy of args with another value for name.
func with[T ~map[string]any](args T, name string, value any) T {
	args = maps.Clone(args)
	if args == nil {
		args = T{}
	}
	args[name] = value
	return args
}

// A Server is a broker's description of itself, sent when a connection is opened.
type Server struct {
	Product   string        // "RabbitMQ"
	Version   string        // "3.10.8"
	Platform  string        // "Erlang/OTP 25.2.3"
	Cluster   string        // the name of the cluster
	Heartbeat time.Duration // as agreed; 0 is none
	InMemory  bool          // it is gomeko's embedded broker
}

// Server returns the description that the broker of the current connection gave of itself. While
// the connection is lost, Server waits for it until ctx ends.
func (c *Conn) Server(ctx context.Context) (Server, error) {
	s, err := c.session(ctx)
	if err != nil {
		return Server{}, err
	}
	text := func(name string) string {
		v, _ := s.amqp.Properties[name].(string)
		return v
	}
	return Server{
		Product: text("product"), Version: text("version"), Platform: text("platform"), Cluster: text("cluster_name"),
		Heartbeat: s.amqp.Config.Heartbeat, InMemory: s.inMemory(),
	}, nil
}
