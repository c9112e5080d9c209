package broker

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// isNotFound reports whether err says that a queue or an exchange does not exist.
func isNotFound(err error) bool {
	e := asException(err)
	return e != nil && e.code == codeNotFound
}

// queue returns a queue that the channel's client may use; "" is the one that the
// channel declared last.
func (ch *channel) queue(name string) (*queue, error) {
	if name == "" {
		if name = ch.lastQueue; name == "" {
			return nil, exceptionf(codeNotFound, "no previously declared queue")
		}
	}
	q := ch.vhost.queues[name]
	if q == nil {
		return nil, ch.vhost.notFound("queue", name)
	}
	return q, ch.checkOwner(q)
}

// checkOwner refuses the exclusive queue of another connection.
func (ch *channel) checkOwner(q *queue) error {
	if q.owner == nil || q.owner == ch.conn {
		return nil
	}
	return ch.locked(q)
}

func (ch *channel) locked(q *queue) error {
	return exceptionf(codeResourceLocked, "cannot obtain exclusive access to locked queue '%s' in vhost '%s'. "+
		"It could be originally declared on another connection or the exclusive property value does not match "+
		"that of the original declaration.", q.name, ch.vhost.name)
}

func (ch *channel) declareQueue(m *frame.QueueDeclare) error {
	name := m.Queue
	q := ch.vhost.queues[name]
	switch {
	case q == nil && m.Passive:
		return ch.vhost.notFound("queue", name)
	case m.Passive:
		if err := ch.checkOwner(q); err != nil {
			return err
		}
	case q != nil:
		if err := ch.checkSame(q, m); err != nil {
			return err
		}
	case strings.HasPrefix(name, "amq."):
		return exceptionf(codeAccessRefused, "queue name '%s' contains reserved prefix 'amq.*'", name)
	default:
		if name == "" {
			name = randomName("amq.gen-")
		}
		var err error
		if q, err = ch.newQueue(name, m); err != nil {
			return err
		}
	}
	q.touch()
	q.expire()
	ch.lastQueue = q.name
	return ch.answer(m.NoWait, &frame.QueueDeclareOk{
		Queue: q.name, MessageCount: uint32(q.ready.len()), ConsumerCount: uint32(len(q.consumers)),
	})
}

func (ch *channel) newQueue(name string, m *frame.QueueDeclare) (*queue, error) {
	q := &queue{
		vhost: ch.vhost, name: name,
		durable: m.Durable, autoDelete: m.AutoDelete, arguments: m.Arguments,
		bindings: make(map[binding]struct{}),
	}
	if m.Exclusive {
		q.owner = ch.conn
	}
	if value, ok := m.Arguments.Get("x-expires"); ok {
		var fault string
		if q.lease, fault = expiryArgument(value); fault != "" {
			return nil, exceptionf(codePreconditionFailed, "invalid arg 'x-expires' for queue '%s' in vhost '%s': %s",
				name, ch.vhost.name, fault)
		}
	}
	ch.vhost.queues[name] = q
	if !m.Durable && !m.Exclusive {
		ch.conn.log.Warn("RabbitMQ 4 refuses queues that are neither durable nor exclusive", "queue", name)
	}
	if _, ok := m.Arguments.Get("x-queue-mode"); ok {
		ch.conn.log.Warn("RabbitMQ 4 refuses x-queue-mode", "queue", name)
	}
	return q, nil
}

// checkSame refuses to declare a queue as something else than what it is.
func (ch *channel) checkSame(q *queue, m *frame.QueueDeclare) error {
	var owner *conn
	if m.Exclusive {
		owner = ch.conn
	}
	if q.owner != owner {
		return ch.locked(q)
	}
	of := fmt.Sprintf("queue '%s' in vhost '%s'", q.name, ch.vhost.name)
	return firstError(
		sameFlag(of, "durable", m.Durable, q.durable),
		sameFlag(of, "auto_delete", m.AutoDelete, q.autoDelete),
		sameArguments(of, m.Arguments, q.arguments, queueArguments),
	)
}

func (ch *channel) purge(m *frame.QueuePurge) error {
	q, err := ch.queue(m.Queue)
	if err != nil {
		return err
	}
	return ch.answer(m.NoWait, &frame.QueuePurgeOk{MessageCount: uint32(q.purge())})
}

func (ch *channel) deleteQueue(m *frame.QueueDelete) error {
	q, err := ch.queue(m.Queue)
	if isNotFound(err) && m.Queue != "" {
		return ch.answer(m.NoWait, &frame.QueueDeleteOk{}) // it need not be there
	}
	if err != nil {
		return err
	}
	q.expire()
	n := q.ready.len()
	switch {
	case m.IfUnused && len(q.consumers) > 0:
		return exceptionf(codePreconditionFailed, "queue '%s' in vhost '%s' in use", q.name, ch.vhost.name)
	case m.IfEmpty && n > 0:
		return exceptionf(codePreconditionFailed, "queue '%s' in vhost '%s' not empty", q.name, ch.vhost.name)
	}
	q.remove()
	return ch.answer(m.NoWait, &frame.QueueDeleteOk{MessageCount: uint32(n)})
}

func (ch *channel) bind(m *frame.QueueBind) error {
	q, b, err := ch.binding(m.Queue, m.Exchange, m.RoutingKey)
	if err != nil {
		return err
	}
	q.bind(b)
	return ch.answer(m.NoWait, &frame.QueueBindOk{})
}

func (ch *channel) unbind(m *frame.QueueUnbind) error {
	q, b, err := ch.binding(m.Queue, m.Exchange, m.RoutingKey)
	switch {
	case isNotFound(err) && (m.Queue != "" || ch.lastQueue != ""): // it need not be there
	case err != nil:
		return err
	default:
		q.unbind(b)
	}
	return ch.answer(false, &frame.QueueUnbindOk{})
}

func (ch *channel) binding(queue, exchange, key string) (*queue, binding, error) {
	if exchange == "" {
		return nil, binding{}, errDefaultExchange()
	}
	q, err := ch.queue(queue)
	if err != nil {
		return nil, binding{}, err
	}
	ex := ch.vhost.exchanges[exchange]
	if ex == nil {
		return nil, binding{}, ch.vhost.notFound("exchange", exchange)
	}
	if queue == "" && key == "" {
		key = q.name
	}
	return q, binding{exchange: ex, key: key}, nil
}

func (ch *channel) declareExchange(m *frame.ExchangeDeclare) error {
	name := m.Exchange
	ex := ch.vhost.exchanges[name]
	switch {
	case name == "":
		return errDefaultExchange()
	case ex == nil && m.Passive:
		return ch.vhost.notFound("exchange", name)
	case m.Passive:
	case ex != nil:
		of := fmt.Sprintf("exchange '%s' in vhost '%s'", name, ch.vhost.name)
		if err := firstError(
			sameText(of, "type", m.Type, ex.kind),
			sameFlag(of, "durable", m.Durable, ex.durable),
			sameFlag(of, "auto_delete", m.AutoDelete, ex.autoDelete),
			sameFlag(of, "internal", m.Internal, ex.internal),
			sameArguments(of, m.Arguments, ex.arguments, exchangeArguments),
		); err != nil {
			return err
		}
	case strings.HasPrefix(name, "amq."):
		return exceptionf(codeAccessRefused, "exchange name '%s' contains reserved prefix 'amq.*'", name)
	default:
		routes := newRoutes(m.Type)
		if routes == nil {
			if m.Type == "headers" {
				return exceptionf(codeNotImplemented, "exchange type 'headers'")
			}
			return exceptionf(codeCommandInvalid, "unknown exchange type '%s'", m.Type)
		}
		ch.vhost.exchanges[name] = &exchange{
			name: name, kind: m.Type, durable: m.Durable, autoDelete: m.AutoDelete, internal: m.Internal,
			arguments: m.Arguments, routes: routes,
		}
	}
	return ch.answer(m.NoWait, &frame.ExchangeDeclareOk{})
}

func (ch *channel) deleteExchange(m *frame.ExchangeDelete) error {
	name := m.Exchange
	ex := ch.vhost.exchanges[name]
	switch {
	case name == "":
		return errDefaultExchange()
	case strings.HasPrefix(name, "amq."):
		return exceptionf(codeAccessRefused, "deletion of system exchange '%s' in vhost '%s' not allowed", name, ch.vhost.name)
	case ex == nil: // it need not be there
	case m.IfUnused && ex.bindings > 0:
		return exceptionf(codePreconditionFailed, "exchange '%s' in vhost '%s' in use", name, ch.vhost.name)
	default:
		ch.vhost.removeExchange(ex)
	}
	return ch.answer(m.NoWait, &frame.ExchangeDeleteOk{})
}

// removeExchange deletes an exchange with its bindings.
func (v *vhost) removeExchange(ex *exchange) {
	delete(v.exchanges, ex.name)
	for _, q := range v.queues {
		for b := range q.bindings {
			if b.exchange == ex {
				delete(q.bindings, b)
			}
		}
	}
}

func errDefaultExchange() error {
	return exceptionf(codeAccessRefused, "operation not permitted on the default exchange")
}

// randomName returns a name that nobody can guess.
func randomName(prefix string) string {
	var b [16]byte
	rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
