package broker

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// isNotFound reports whether err means that a queue or an exchange does not exist.
func isNotFound(err error) bool {
	e := asException(err)
	return e != nil && e.code == codeNotFound
}

// queue returns a queue that the channel's client may use. "" names the queue that the channel
// declared last.
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

// permitted returns a queue on which the user has a right; the right is checked first.
func (ch *channel) permitted(name string, need right) (*queue, error) {
	if name == "" {
		name = ch.lastQueue
	}
	if name != "" {
		if err := ch.onQueue(name, need); err != nil {
			return nil, err
		}
	}
	return ch.queue(name)
}

// checkOwner returns an error if the queue is exclusive to another connection.
func (ch *channel) checkOwner(q *queue) error {
	if q.owner == nil || q.owner == ch.conn {
		return nil
	}
	return ch.locked(q)
}

func (ch *channel) locked(q *queue) error {
	return exceptionf(codeResourceLocked, "cannot obtain exclusive access to locked %s. "+
		"It could be originally declared on another connection or the exclusive property value does not match "+
		"that of the original declaration.", q)
}

func (ch *channel) declareQueue(m *frame.QueueDeclare) error {
	name := m.Queue
	if isReplyTo(name) {
		return ch.declareReplies(m)
	}
	q := ch.vhost.queues[name]
	if !m.Passive && !(q == nil && strings.HasPrefix(name, "amq.")) {
		if name == "" {
			name = randomName("amq.gen-")
		}
		if err := ch.onQueue(name, mayConfigure); err != nil {
			return err
		}
	}
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
	case strings.HasPrefix(m.Queue, "amq."):
		return exceptionf(codeAccessRefused, "queue name '%s' contains reserved prefix 'amq.*'", name)
	default:
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
	v := ch.vhost
	of := fmt.Sprintf("queue '%s' in vhost '%s'", name, v.name)
	s, err := readSettings(of, m.Arguments)
	if err != nil {
		return nil, err
	}
	if s.hasDeadExchange {
		err = firstError(ch.onQueue(name, mayRead), ch.onExchange(s.deadExchange, mayWrite))
	}
	if err == nil && s.quorum {
		err = checkQuorum(of, m)
	}
	if err != nil {
		return nil, err
	}
	if v.limits.queues > 0 && len(v.queues) >= v.limits.queues {
		return nil, exceptionf(codePreconditionFailed, "cannot declare queue '%s': queue limit in vhost '%s' (%d) is reached",
			name, v.name, v.limits.queues)
	}
	if err := v.alarm.checkObjects(); err != nil {
		return nil, err
	}
	q := newQueue(v, name, s)
	q.durable, q.autoDelete, q.arguments = m.Durable, m.AutoDelete, m.Arguments
	if m.Exclusive {
		q.owner = ch.conn
	}
	v.queues[name] = q
	v.alarm.addObject(q.memory())
	if !m.Durable && !m.Exclusive {
		ch.conn.log.Warn("RabbitMQ 4 refuses queues that are neither durable nor exclusive", "queue", name)
	}
	if _, ok := m.Arguments.Get("x-queue-mode"); ok {
		ch.conn.log.Warn("RabbitMQ 4 refuses x-queue-mode", "queue", name)
	}
	return q, nil
}

// checkSame returns an error if a declaration differs from the existing queue.
func (ch *channel) checkSame(q *queue, m *frame.QueueDeclare) error {
	var owner *conn
	if m.Exclusive {
		owner = ch.conn
	}
	if q.owner != owner {
		return ch.locked(q)
	}
	of := q.String()
	return firstError(
		sameFlag(of, "durable", m.Durable, q.durable),
		sameFlag(of, "auto_delete", m.AutoDelete, q.autoDelete),
		sameArguments(of, m.Arguments, q.arguments, queueArgumentNames()),
	)
}

func (ch *channel) purge(m *frame.QueuePurge) error {
	q, err := ch.permitted(m.Queue, mayRead)
	if err != nil {
		return err
	}
	return ch.answer(m.NoWait, &frame.QueuePurgeOk{MessageCount: uint32(q.purge())})
}

func (ch *channel) deleteQueue(m *frame.QueueDelete) error {
	q, err := ch.permitted(m.Queue, mayConfigure)
	if isNotFound(err) && m.Queue != "" {
		return ch.answer(m.NoWait, &frame.QueueDeleteOk{}) // RabbitMQ accepts this
	}
	if err != nil {
		return err
	}
	q.expire()
	n := q.ready.len()
	switch {
	case q.quorum && m.IfUnused:
		return unsupportedDelete(q, "if-unused")
	case q.quorum && m.IfEmpty:
		return unsupportedDelete(q, "if-empty")
	case m.IfUnused && len(q.consumers) > 0:
		return exceptionf(codePreconditionFailed, "%s in use", q)
	case m.IfEmpty && n > 0:
		return exceptionf(codePreconditionFailed, "%s not empty", q)
	}
	q.remove()
	return ch.answer(m.NoWait, &frame.QueueDeleteOk{MessageCount: uint32(n)})
}

func unsupportedDelete(q *queue, flag string) error {
	return exceptionf(codeNotImplemented, "cannot delete %s. queue.delete operations with %s flag set "+
		"are not supported by quorum queues", q, flag)
}

// randomName returns an unguessable name.
func randomName(prefix string) string {
	var b [16]byte
	rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
