package broker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A message is what was published. It is shared by all queues that hold it, and never
// changed.
type message struct {
	exchange   string
	key        string
	properties frame.Properties
	body       []byte
}

// A publishing is a basic.publish whose content is being read: its zero value, none.
type publishing struct {
	method  frame.BasicPublish
	pending bool   // the method was read, the content not yet
	header  bool   // the header was read
	missing uint64 // bytes of the body to come
	data    []byte // properties and body in one array
	split   int    // where in data the body begins
}

// promptBody is the largest body that gets its memory when it is announced. A larger one
// has to arrive for that: announcements alone, on all channels, must cost little.
const promptBody = 16 << 10

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
		p.missing -= uint64(len(f.Payload))
		p.data = append(p.data, f.Payload...)
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
	return nil
}

// finish routes what was published.
func (ch *channel) finish(p publishing) error {
	msg := &message{
		exchange:   p.method.Exchange,
		key:        p.method.RoutingKey,
		properties: frame.Properties(p.data[:p.split:p.split]),
		body:       p.data[p.split:],
	}
	ch.vhost.mu.Lock()
	defer ch.vhost.mu.Unlock()
	ex := ch.vhost.exchanges[msg.exchange]
	switch {
	case ex == nil:
		return ch.vhost.notFound("exchange", msg.exchange)
	case ex.internal:
		return exceptionf(codeAccessRefused, "cannot publish to internal exchange '%s' in vhost '%s'", ex.name, ch.vhost.name)
	}
	if user, ok := msg.properties.String(frame.UserID); ok && user != ch.conn.user {
		return exceptionf(codePreconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", user, ch.conn.user)
	}
	expires, err := expiration(msg.properties)
	if err != nil {
		return err
	}

	queues := ch.vhost.route(ex, msg.key)
	if len(queues) == 0 && p.method.Mandatory {
		ch.out.content(ch.id, &frame.BasicReturn{
			ReplyCode: codeNoRoute, ReplyText: "NO_ROUTE", Exchange: msg.exchange, RoutingKey: msg.key,
		}, msg)
	}
	for _, q := range queues {
		q.push(msg, expires)
	}
	if ch.confirming {
		if ch.published == ch.confirmed {
			ch.conn.unconfirmed = append(ch.conn.unconfirmed, ch)
		}
		ch.published++
	}
	return nil
}

// confirmPublished confirms what was published since the last confirm.
func (ch *channel) confirmPublished() {
	if ch.published > ch.confirmed && !ch.closing {
		ch.send(&frame.BasicAck{DeliveryTag: ch.published, Multiple: ch.published > ch.confirmed+1})
	}
	ch.confirmed = ch.published
}

// expiration returns when a message expires by its own property, the zero time if it
// has none.
func expiration(p frame.Properties) (time.Time, error) {
	s, ok := p.String(frame.Expiration)
	if !ok {
		return time.Time{}, nil
	}
	digits := len(s) - len(strings.TrimLeft(s, "+-")) // a sign
	digits += len(s[digits:]) - len(strings.TrimLeft(s[digits:], "0123456789"))
	ms, err := strconv.ParseInt(s[:digits], 10, 64)
	var ttl time.Duration
	var fault string
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		fault = "no_integer"
	case digits < len(s):
		fault = fmt.Sprintf("{leftover_string,%q}", s[digits:])
	case err != nil:
		fault = fmt.Sprintf("{value_too_large,%s}", s)
	default:
		ttl, fault = millis(ms)
	}
	if fault != "" {
		return time.Time{}, exceptionf(codePreconditionFailed, "invalid expiration '%s': %s", s, fault)
	}
	return time.Now().Add(ttl), nil
}
