package transport

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/codec"
)

// A Publishing is a message to be sent. It must not be changed before Publish has returned, or Send
// has called settled.
type Publishing struct {
	Exchange  string // "" is the default exchange
	Key       string // routing key
	Mandatory bool   // return it if it reaches no queue
	Signed    bool   // send the user of the connection as user_id, which the broker checks; not with EXTERNAL
	Forwarded bool   // it was received: Config.MaxMessage does not limit its body

	// Compressible says that every receiver of the message reads compressed bodies. A body over
	// Config.CompressOver is then compressed, and the header compression is set.
	Compressible bool

	Properties
	Body []byte
}

// Properties are a message's basic properties (AMQP 0-9-1 §4.2.6). Zero values are not sent, with
// three exceptions: like Nameko, a Conn sends headers, even if they are empty, the priority, and
// the delivery mode with every message.
type Properties struct {
	ContentType     string
	ContentEncoding string
	Headers         Table
	Persistent      bool // delivery mode 2: in a durable queue, it survives a restart of the broker. Otherwise mode 1
	Priority        uint8
	CorrelationID   string
	ReplyTo         string
	Expiration      time.Duration // sent in milliseconds, rounded up; 0 means none
	MessageID       string
	Type            string
	AppID           string
	Timestamp       time.Time // whole seconds are sent
	UserID          string    // of a received message: the user that published it. Not sent: see Publishing.Signed
}

// A Table holds AMQP field values by name: the headers of a message, the arguments of a queue.
//
// Values may be nil, bool, every sized int, int and uint, float32, float64, string, []byte,
// time.Time (whole seconds are sent), []any and Table of those. An int is sent as an int32 if it
// fits, as Nameko sends its own. An unsigned value must fit int64. A float must be neither NaN nor
// infinite.
//
// In received tables AMQP's I is an int32, l and L are an int64, d is a float64, S a string, A an
// []any and F a Table. Received headers that cannot be read are left out.
type Table = map[string]any

const (
	shortString = 255 // bytes of each property that is a string: AMQP 0-9-1 §4.2.5.3
	tableDepth  = 32  // of nested tables; amqp091-go reads no deeper ones

	// maxExpiration is RabbitMQ's: 2^32-1 ms.
	maxExpiration = math.MaxUint32 * time.Millisecond
)

// encode returns p in the types of amqp091-go. It fails on everything that would make the broker or
// amqp091-go close the channel or the connection.
func (p *Publishing) encode(c *Conn) (amqp.Publishing, error) {
	if limit := c.MaxMessage(); len(p.Body) > limit && !p.Forwarded {
		return amqp.Publishing{}, &codec.TooLarge{Size: len(p.Body), Limit: limit}
	}
	user := ""
	if p.Signed {
		user = c.user()
	}
	size := 64 // of a properties frame, without strings and headers
	for _, s := range [...]struct{ name, value string }{
		{"exchange", p.Exchange}, {"routing key", p.Key}, {"content_type", p.ContentType},
		{"content_encoding", p.ContentEncoding}, {"correlation_id", p.CorrelationID}, {"reply_to", p.ReplyTo},
		{"message_id", p.MessageID}, {"type", p.Type}, {"app_id", p.AppID}, {"user_id", user},
	} {
		if len(s.value) > shortString {
			return amqp.Publishing{}, fmt.Errorf("%s: %d bytes, over the limit of %d: %.40q…", s.name, len(s.value), shortString, s.value)
		}
		size += len(s.value)
	}
	if p.Expiration < 0 || p.Expiration > maxExpiration {
		return amqp.Publishing{}, fmt.Errorf("expiration: must be between 0 and %s, not %s", maxExpiration, p.Expiration)
	}
	body, table := p.Body, p.Headers
	if p.Compressible {
		body, table = c.compress(p)
	}
	headers, n, err := encodeTable(table)
	if err == nil {
		err = checkCopies(p.Headers)
	}
	if err != nil {
		return amqp.Publishing{}, fmt.Errorf("headers: %w", err)
	}
	if limit := int(c.frameMax.Load()) - size; n > limit {
		return amqp.Publishing{}, fmt.Errorf("headers: %d bytes, over the %d that fit the broker's frame: move large values to the body", n, limit)
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
		Timestamp:       p.Timestamp,
		UserId:          user,
		Body:            body,
	}
	if p.Persistent {
		m.DeliveryMode = amqp.Persistent
	}
	if p.Expiration > 0 {
		m.Expiration = strconv.FormatInt(int64((p.Expiration+time.Millisecond-1)/time.Millisecond), 10)
	}
	return m, nil
}

// compressionHeader is kombu's header of a compressed body.
const compressionHeader = "compression"

// compress returns the body and the headers of a message that may be compressed. It leaves a body
// as it is if compression would not make it smaller.
func (c *Conn) compress(p *Publishing) (body []byte, headers Table) {
	over := c.cfg.CompressOver
	if over <= 0 || len(p.Body) <= over || p.Headers[compressionHeader] != nil {
		return p.Body, p.Headers
	}
	if body = codec.Deflate(p.Body); len(body) >= len(p.Body) {
		return p.Body, p.Headers
	}
	headers = make(Table, len(p.Headers)+1)
	maps.Copy(headers, p.Headers)
	headers[compressionHeader] = codec.Zlib
	return body, headers
}

// checkCopies checks the headers by which RabbitMQ routes copies of a message; RabbitMQ refuses one
// that is not a list.
func checkCopies(headers Table) error {
	for _, name := range [...]string{"CC", "BCC"} {
		switch v := headers[name].(type) {
		case nil, []any:
		default:
			return fmt.Errorf("%q must be a list of routing keys ([]any), not %T", name, v)
		}
	}
	return nil
}

// TableSize returns how many bytes a table takes on the wire, or the error that sending it would
// return: a value of a type that AMQP lacks, a name over 255 bytes, or tables nested too deeply.
func TableSize(t Table) (int, error) {
	_, size, err := encodeTable(t)
	return size, err
}

// encodeTable returns t in the types of amqp091-go, and its size on the wire. Tables and arrays
// that need no change are not copied.
func encodeTable(t Table) (amqp.Table, int, error) { return encodeNested(t, 0) }

func encodeNested(t Table, depth int) (encoded amqp.Table, size int, err error) {
	if depth == tableDepth {
		return nil, 0, errTooDeep
	}
	encoded, size = amqp.Table(t), 4
	copied := false
	for name, value := range t {
		if len(name) > shortString {
			return nil, 0, fmt.Errorf("a name of %d bytes, over the limit of %d: %.40q…", len(name), shortString, name)
		}
		v, n, changed, err := encodeValue(value, depth)
		if err != nil {
			return nil, 0, fmt.Errorf("%q: %w", name, err)
		}
		if changed && !copied {
			encoded, copied = maps.Clone(encoded), true
		}
		if changed {
			encoded[name] = v
		}
		size += 1 + len(name) + n
	}
	return encoded, size, nil
}

var errNotFinite = errors.New("is a number that RabbitMQ cannot read")

var errTooDeep = fmt.Errorf("nested deeper than %d", tableDepth)

// encodeValue returns a field value, its size with the byte of its type, and whether it differs
// from value.
func encodeValue(value any, depth int) (encoded any, size int, changed bool, err error) {
	switch v := value.(type) {
	case nil:
		return nil, 1, false, nil
	case bool, int8, uint8:
		return value, 2, false, nil
	case int16, uint16:
		return value, 3, false, nil
	case int32, uint32:
		return value, 5, false, nil
	case amqp.Decimal: // received and sent on
		return value, 6, false, nil
	case int64, time.Time:
		return value, 9, false, nil
	case float32:
		return value, 5, false, checkFinite(float64(v))
	case float64:
		return value, 9, false, checkFinite(v)
	case int:
		if v == int(int32(v)) {
			return int32(v), 5, true, nil
		}
		return int64(v), 9, true, nil
	case uint:
		return encodeValue(uint64(v), depth)
	case uint64:
		if v > math.MaxInt64 {
			return nil, 0, false, fmt.Errorf("%d does not fit int64, the largest integer of AMQP", v)
		}
		return int64(v), 9, true, nil
	case string:
		return value, 5 + len(v), false, nil
	case []byte:
		return value, 5 + len(v), false, nil
	case []any:
		return encodeArray(v, depth+1)
	case amqp.Table:
		return encodeValue(Table(v), depth)
	case Table:
		t, n, err := encodeNested(v, depth+1)
		return t, 1 + n, true, err
	default:
		return nil, 0, false, fmt.Errorf("%T is not an AMQP type: use nil, bool, an integer, float, string, []byte, time.Time, []any or map[string]any", value)
	}
}

// checkFinite returns an error for NaN and infinities, which Erlang lacks: RabbitMQ would close the
// connection.
func checkFinite(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%v %w: send nil or a string in its place", v, errNotFinite)
	}
	return nil
}

func encodeArray(values []any, depth int) (any, int, bool, error) {
	if depth == tableDepth {
		return nil, 0, false, errTooDeep
	}
	encoded, copied := values, false
	size := 5
	for i, value := range values {
		v, n, changed, err := encodeValue(value, depth)
		if err != nil {
			return nil, 0, false, fmt.Errorf("[%d]: %w", i, err)
		}
		if changed && !copied {
			encoded, copied = slices.Clone(values), true
		}
		if changed {
			encoded[i] = v
		}
		size += n
	}
	return encoded, size, copied, nil
}

// decodeTable returns a received table, with nested ones as Table. It changes t.
func decodeTable(t amqp.Table) Table {
	for name, value := range t {
		switch value.(type) {
		case amqp.Table, []any:
			t[name] = decodeValue(value)
		}
	}
	return Table(t)
}

func decodeValue(value any) any {
	switch v := value.(type) {
	case amqp.Table:
		return decodeTable(v)
	case []any:
		for i := range v {
			v[i] = decodeValue(v[i])
		}
	}
	return value
}
