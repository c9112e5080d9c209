package transport

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/codec"
)

// Properties are a message's AMQP basic properties (AMQP 0-9-1 §4.2.6).
// A property at its zero value is not sent, Headers, Priority and the delivery mode excepted:
// like Nameko, we send headers (be the table empty), priority 0 and the mode with every message.
type Properties struct {
	ContentType     string
	ContentEncoding string
	Headers         Table
	Persistent      bool // delivery mode 2: survives a restart of the broker in a durable queue; false is 1
	Priority        uint8
	CorrelationID   string
	ReplyTo         string
	Expiration      time.Duration // sent in milliseconds, rounded up; 0 is none
	MessageID       string
	Type            string
	AppID           string
}

// A Publishing is a message to be sent. It must not be changed until it is settled.
type Publishing struct {
	Exchange  string // "" is the default exchange
	Key       string // routing key
	Mandatory bool   // return it when no queue takes it
	Properties
	Body []byte
}

const (
	shortString = 255 // bytes, of every property that is a string: AMQP 0-9-1 §4.2.5.3

	// maxExpiration is RabbitMQ's: 2^32-1 ms.
	maxExpiration = math.MaxUint32 * time.Millisecond
)

// encode checks p against everything that would make the broker, or amqp091-go, close the channel or the connection,
// and returns it as amqp091-go wants it.
func (p *Publishing) encode(maxMessage, frameMax int) (amqp.Publishing, error) {
	if len(p.Body) > maxMessage {
		return amqp.Publishing{}, &codec.TooLarge{Size: len(p.Body), Limit: maxMessage}
	}
	size := 64 // what a frame of properties has besides strings and headers
	for _, s := range [...]struct{ name, value string }{
		{"exchange", p.Exchange}, {"routing key", p.Key}, {"content_type", p.ContentType},
		{"content_encoding", p.ContentEncoding}, {"correlation_id", p.CorrelationID}, {"reply_to", p.ReplyTo},
		{"message_id", p.MessageID}, {"type", p.Type}, {"app_id", p.AppID},
	} {
		if len(s.value) > shortString {
			return amqp.Publishing{}, fmt.Errorf("%s of %d bytes is over %d: %.40q…", s.name, len(s.value), shortString, s.value)
		}
		size += len(s.value)
	}
	if p.Expiration < 0 || p.Expiration > maxExpiration {
		return amqp.Publishing{}, fmt.Errorf("expiration of %s is not between 0 and %s", p.Expiration, maxExpiration)
	}
	headers, n, err := encodeTable(p.Headers)
	if err != nil {
		return amqp.Publishing{}, fmt.Errorf("headers: %w", err)
	}
	if room := frameMax - size; n > room {
		return amqp.Publishing{}, fmt.Errorf("headers of %d bytes do not fit the broker's frame, which has room for %d: put large values into the body", n, room)
	}
	m := amqp.Publishing{
		ContentType:     p.ContentType,
		ContentEncoding: p.ContentEncoding,
		Headers:         headers,
		DeliveryMode:    amqp.Transient,
		Priority:        p.Priority,
		CorrelationId:   p.CorrelationID,
		ReplyTo:         p.ReplyTo,
		MessageId:       p.MessageID,
		Type:            p.Type,
		AppId:           p.AppID,
		Body:            p.Body,
	}
	if p.Persistent {
		m.DeliveryMode = amqp.Persistent
	}
	if p.Expiration > 0 {
		m.Expiration = strconv.FormatInt(int64((p.Expiration+time.Millisecond-1)/time.Millisecond), 10)
	}
	return m, nil
}

// decodeProperties reads the properties of a delivery. An expiration that is no number has been refused by the broker.
func decodeProperties(d *amqp.Delivery) Properties {
	var ms uint64
	if d.Expiration != "" {
		ms, _ = strconv.ParseUint(d.Expiration, 10, 32)
	}
	return Properties{
		ContentType:     d.ContentType,
		ContentEncoding: d.ContentEncoding,
		Headers:         decodeTable(d.Headers),
		Persistent:      d.DeliveryMode == amqp.Persistent,
		Priority:        d.Priority,
		CorrelationID:   d.CorrelationId,
		ReplyTo:         d.ReplyTo,
		Expiration:      time.Duration(ms) * time.Millisecond,
		MessageID:       d.MessageId,
		Type:            d.Type,
		AppID:           d.AppId,
	}
}

func (c *Conn) encode(p *Publishing) (amqp.Publishing, error) {
	return p.encode(c.MaxMessage(), int(cmp.Or(c.frameMax.Load(), 128<<10)))
}
