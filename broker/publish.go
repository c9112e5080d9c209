package broker

import (
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A publishing is a basic.publish whose content is being read. The zero value means that none is.
type publishing struct {
	method  frame.BasicPublish
	pending bool   // the method was read, the content not yet
	header  bool   // the header was read
	missing uint64 // bytes of the body that have not arrived
	data    []byte // properties and body in one array; the memory alarm counts it
	split   int    // where in data the body begins
}

// promptBody is the size of the largest body that is allocated when its header arrives. A larger
// body is allocated as it arrives, so headers on many channels take little memory.
const promptBody = 16 << 10

// add appends a part of the body. The array never grows beyond the size of the message.
func (p *publishing) add(part []byte, a *alarm) {
	if size := len(p.data) + len(part); size > cap(p.data) {
		p.data = append(make([]byte, 0, min(max(2*cap(p.data), size), len(p.data)+int(p.missing))), p.data...)
	}
	p.missing -= uint64(len(part))
	p.data = append(p.data, part...)
	a.add(int64(len(part)))
}

// drop discards a publishing whose content did not arrive completely.
func (p *publishing) drop(a *alarm) {
	if p.header {
		a.add(-p.message().memory() - placeMemory)
	}
	*p = publishing{}
}

// message returns the message. The publishing holds it until it is routed.
func (p *publishing) message() *message {
	m := &message{exchange: p.method.Exchange, key: p.method.RoutingKey, content: p.data, split: p.split}
	m.held.Store(1)
	return m
}

func errBodies() *exception {
	return exceptionf(codeResourceError, "low on memory: bodies under way take more than may be above the limit")
}

// publish begins a publishing.
func (ch *channel) publish(m *frame.BasicPublish) error {
	if m.Immediate {
		return exceptionf(codeNotImplemented, "immediate=true")
	}
	ch.publishing = publishing{method: *m, pending: true}
	return nil
}

// readContent handles a frame of a publishing's content.
func (ch *channel) readContent(f frame.Frame) error {
	p := &ch.publishing
	if !p.header {
		if f.Type != frame.TypeHeader {
			return exceptionf(codeUnexpectedFrame, "expected content header for class 60, got non content header frame instead")
		}
		if err := ch.readHeader(f); err != nil {
			return err
		}
	} else {
		if f.Type != frame.TypeBody {
			return exceptionf(codeUnexpectedFrame, "expected content body, got non content body frame instead")
		}
		if uint64(len(f.Payload)) > p.missing {
			return exceptionf(codeFrameError, "content body is longer than its header says by %d bytes",
				uint64(len(f.Payload))-p.missing)
		}
		p.add(f.Payload, ch.conn.broker.alarm)
	}
	if p.missing > 0 {
		return nil
	}
	done := *p
	*p = publishing{}
	err := ch.finish(done)
	if e := asException(err); e != nil {
		e.method = done.method.ID()
	}
	return err
}

func (ch *channel) readHeader(f frame.Frame) error {
	p := &ch.publishing
	h, err := ch.conn.frames.Header(f.Payload)
	if err != nil {
		return err
	}
	if h.Class != frame.ClassBasic {
		return exceptionf(codeUnexpectedFrame, "expected content header for class 60, got one for class %d instead", h.Class)
	}
	if limit := ch.conn.broker.maxMessage; h.Size > limit {
		e := exceptionf(codePreconditionFailed, "message size %d is larger than configured max size %d", h.Size, limit)
		e.method = p.method.ID()
		return e
	}
	p.header = true
	p.missing = h.Size
	p.split = len(h.Properties)
	room := p.split
	if h.Size <= promptBody {
		room += int(h.Size)
	}
	p.data = append(make([]byte, 0, room), h.Properties...)
	ch.conn.broker.alarm.add(p.message().memory() + placeMemory)
	return nil
}

// finish checks and routes the message. The memory alarm already counts it.
func (ch *channel) finish(p publishing) error {
	v, m := ch.vhost, p.message()
	defer m.release(v.alarm)
	properties := m.properties()
	v.lock()
	defer v.unlock()
	if err := ch.onExchange(m.exchange, mayWrite); err != nil {
		return err
	}
	ex := v.exchanges[m.exchange]
	switch {
	case ex == nil:
		return v.notFound("exchange", m.exchange)
	case ex.internal:
		return exceptionf(codeAccessRefused, "cannot publish to internal exchange '%s' in vhost '%s'", ex.name, v.name)
	}
	if properties.Is(frame.ReplyTo, replyTo) {
		if ch.replies == nil || ch.replies.removed {
			return exceptionf(codePreconditionFailed, "fast reply consumer does not exist")
		}
		properties = properties.WithString(frame.ReplyTo, ch.replies.name)
	}
	if user, ok := properties.String(frame.UserID); ok && user != ch.conn.user {
		return exceptionf(codePreconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", user, ch.conn.user)
	}
	ttl, err := expiration(properties)
	if err != nil {
		return err
	}
	if m.copies, err = copyKeys(properties); err != nil {
		return err
	}
	if m.copies != nil {
		properties = withoutBCC(properties)
	}
	if len(properties) != p.split || m.copies != nil {
		m = newMessage(m.exchange, m.key, m.copies, properties, m.body())
	}
	if v.alarm.isOn() {
		ch.conn.borrowed += m.memory()
	} else {
		ch.conn.borrowed = 0
	}
	ch.emit(routed{message: m, ttl: ttl, mandatory: p.method.Mandatory, queues: v.route(ex, m)})
	return nil
}

// A routed is a message with the queues that it is routed to.
type routed struct {
	message   *message
	ttl       time.Duration
	mandatory bool
	queues    []*queue
}

// memory returns the memory that a transaction needs for r, without the message.
func (r *routed) memory() int64 { return queueListMemory * int64(len(r.queues)) }

// emit sends a message to its queues, or keeps it until the transaction is committed.
func (ch *channel) emit(r routed) {
	if r.message.exchange == "" {
		ch.vhost.answer(r.message, r.message.key)
		for _, key := range r.message.copies {
			ch.vhost.answer(r.message, key)
		}
	}
	if ch.tx != nil {
		r.queues = slices.Clone(r.queues)
		r.message.hold(ch.vhost.alarm)
		ch.vhost.alarm.add(r.memory())
		ch.tx.publishings = append(ch.tx.publishings, r)
		return
	}
	ok := ch.push(r)
	if !ch.confirming {
		return
	}
	if !ok {
		ch.confirmPublished()
		ch.published++
		ch.confirmed++
		ch.send(&frame.BasicNack{DeliveryTag: ch.published})
		return
	}
	if ch.published == ch.confirmed {
		ch.conn.unconfirmed = append(ch.conn.unconfirmed, ch)
	}
	ch.published++
}

// push puts a message into its queues. It returns false if one of them refuses it.
func (ch *channel) push(r routed) bool {
	if len(r.queues) == 0 && r.mandatory {
		ch.out.content(ch.id, &frame.BasicReturn{
			ReplyCode: codeNoRoute, ReplyText: "NO_ROUTE", Exchange: r.message.exchange, RoutingKey: r.message.key,
		}, r.message, r.message.properties())
	}
	ok := true
	for _, q := range r.queues {
		ok = q.push(r.message, r.ttl) && ok
	}
	return ok
}

// confirmPublished confirms the publishings since the last confirm.
func (ch *channel) confirmPublished() {
	if ch.published > ch.confirmed && !ch.closing {
		ch.send(&frame.BasicAck{DeliveryTag: ch.published, Multiple: ch.published > ch.confirmed+1})
	}
	ch.confirmed = ch.published
}
