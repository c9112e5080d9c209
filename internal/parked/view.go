package parked

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A View is a parked message in the form in which it is shown, as JSON with secrets masked. If its
// row has sensitive arguments, the body, the error and the stack are [service.Redacted].
type View struct {
	ID        string            `json:"id"`
	Queue     string            `json:"queue"`
	Service   string            `json:"service,omitempty"`
	Row       string            `json:"row,omitempty"`
	Reason    deadletter.Reason `json:"reason,omitempty"`
	ErrorType string            `json:"error_type,omitempty"`
	Error     string            `json:"error,omitempty"`
	Attempts  int               `json:"attempts"`
	First     time.Time         `json:"first,omitzero"`
	Last      time.Time         `json:"last,omitzero"`
	Host      string            `json:"host,omitempty"`
	Exchange  string            `json:"exchange"`
	Key       string            `json:"key"`
	Foreign   bool              `json:"foreign,omitempty"`   // see Message.Foreign
	Sensitive bool              `json:"sensitive,omitempty"` // the content is not shown
	Bytes     int               `json:"bytes"`               // size of the body
	Stack     string            `json:"stack,omitempty"`

	Properties properties      `json:"properties"`
	Headers    map[string]any  `json:"headers,omitempty"`
	LeftOut    []string        `json:"left_out,omitempty"` // names of headers for which there was no room
	Body       json.RawMessage `json:"body,omitempty"`     // decoded; otherwise as text or in base64
}

// properties are the properties of a message that are kept.
type properties struct {
	ContentType     string    `json:"content_type,omitempty"`
	ContentEncoding string    `json:"content_encoding,omitempty"`
	Priority        uint8     `json:"priority,omitempty"`
	CorrelationID   string    `json:"correlation_id,omitempty"`
	ReplyTo         string    `json:"reply_to,omitempty"`
	MessageID       string    `json:"message_id,omitempty"`
	Type            string    `json:"type,omitempty"`
	AppID           string    `json:"app_id,omitempty"`
	Timestamp       time.Time `json:"timestamp,omitzero"`
}

func propertiesOf(p transport.Properties) properties {
	return properties{
		p.ContentType, p.ContentEncoding, p.Priority, p.CorrelationID, p.ReplyTo, p.MessageID, p.Type, p.AppID, written(p.Timestamp),
	}
}

// written returns a time in UTC, or zero if JSON cannot represent it: times in AMQP have 64 bits.
func written(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func (p properties) transport() transport.Properties {
	return transport.Properties{
		ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, Priority: p.Priority, CorrelationID: p.CorrelationID, ReplyTo: p.ReplyTo,
		MessageID: p.MessageID, Type: p.Type, AppID: p.AppID, Timestamp: p.Timestamp, Persistent: true,
	}
}

// View returns the message in the form in which it is shown. If content is false, it omits headers,
// body and stack.
func (d *Desk) View(ctx context.Context, m *Message, content bool) View {
	v := View{
		ID: m.ID, Queue: m.Queue, Service: m.Service, Row: m.Row, Reason: m.Reason, ErrorType: m.ErrorType,
		Error: secret.Mask(m.Error), Attempts: m.Attempts, First: m.First.UTC(), Last: m.Last.UTC(), Host: m.Host,
		Exchange: m.Exchange, Key: m.Key, Foreign: m.Foreign, Sensitive: m.Sensitive, Bytes: len(m.delivery.Body),
		Properties: propertiesOf(m.delivery.Properties), LeftOut: m.LeftOut,
	}
	if m.Sensitive && m.Error != "" {
		v.Error = service.Redacted
	}
	if !content {
		return v
	}
	v.Headers = map[string]any{}
	for name, value := range m.delivery.Headers {
		if name != deadletter.OriginalHeader && name != deliveryCount { // looks raise the delivery count
			v.Headers[name] = printed(name, value)
		}
	}
	if m.Sensitive {
		v.Body, _ = json.Marshal(service.Redacted)
		return v
	}
	v.Stack, v.Body = secret.Mask(m.Stack), d.body(ctx, m)
	return v
}

// body returns the body of a message as JSON.
func (d *Desk) body(ctx context.Context, m *Message) json.RawMessage {
	value, _, err := d.decode(ctx, m)
	if err != nil {
		value = text(m.delivery.Body)
	}
	encoded, err := codec.BrowserJSON.Encode(printed("", value))
	if err != nil {
		encoded, _ = json.Marshal(text(m.delivery.Body))
	}
	return encoded
}

// decode returns the value of a body, and the codec that decoded it.
func (d *Desk) decode(ctx context.Context, m *Message) (value any, c codec.Codec, err error) {
	b := codec.NewBudget(ctx, d.conn.MaxDecoded())
	defer b.Close()
	c, body, err := d.conn.Accepts().Open(m.delivery.Encoded(), d.conn.MaxMessage(), b)
	if err == nil {
		err = b.Decode(c, body, &value)
	}
	return value, c, err
}

// text returns bytes as text if they are text, otherwise in base64.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// printed returns a value with secrets masked. name is its key.
func printed(name string, value any) any {
	return secret.Value(name, value, func(leaf any) any {
		if b, ok := leaf.([]byte); ok {
			return secret.Mask(text(b))
		}
		return encodable(leaf)
	})
}
