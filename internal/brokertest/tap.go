package brokertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/frame"
)

// A Tap records what a process writes to the broker. Tests use it to check what a receiver cannot
// see: the mandatory flag, which properties are set, and the types of header fields.
type Tap struct {
	mu    sync.Mutex
	conns []*tapped
}

type tapped struct {
	net.Conn

	heard    chan struct{} // holds a token when the broker has written
	mu       sync.Mutex
	sent     bytes.Buffer
	received bytes.Buffer
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.received.Write(p[:n])
	c.mu.Unlock()
	select {
	case c.heard <- struct{}{}:
	default:
	}
	return n, err
}

// Write records p before it writes it, so the record is complete when the broker answers.
func (c *tapped) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// Dial can be used as transport.Config.Dial.
func (p *Tap) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &tapped{Conn: conn, heard: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return c, nil
}

// Cut closes all connections opened so far without notifying the broker.
func (p *Tap) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

// A Published is a message in the form in which it was written to the wire.
type Published struct {
	Exchange, Key string
	Mandatory     bool
	Properties    map[string]any // only those that were set
	Types         map[string]any // of the headers, as in the vectors
	Body          []byte
}

// Published returns the published messages, in order.
func (p *Tap) Published(t testing.TB) []Published {
	t.Helper()
	var found []*Published
	current := map[uint16]*Published{} // by channel, because the frames of channels are interleaved
	p.read(t, func(channel uint16, m frame.Method) {
		if m, ok := m.(*frame.BasicPublish); ok {
			current[channel] = &Published{Exchange: m.Exchange, Key: m.RoutingKey, Mandatory: m.Mandatory}
			found = append(found, current[channel])
		}
	}, func(channel uint16, h frame.Header) {
		m := current[channel]
		m.Properties, m.Types = properties(h.Properties)
	}, func(channel uint16, body []byte) {
		m := current[channel]
		m.Body = append(m.Body, body...)
	})
	all := make([]Published, len(found))
	for i, m := range found {
		all[i] = *m
	}
	return all
}

// Confirmed waits until the broker has confirmed the publishing with this tag on the first
// connection.
func (p *Tap) Confirmed(t testing.TB, tag uint64) {
	t.Helper()
	p.mu.Lock()
	c := p.conns[0]
	p.mu.Unlock()
	for {
		c.mu.Lock()
		received := bytes.Clone(c.received.Bytes())
		c.mu.Unlock()
		done := false
		frames(t, frame.NewReader(bytes.NewReader(received)), func(_ uint16, m frame.Method) {
			if ack, ok := m.(*frame.BasicAck); ok {
				done = done || ack.DeliveryTag == tag || ack.Multiple && ack.DeliveryTag > tag
			}
		}, nil, nil)
		if done {
			return
		}
		select {
		case <-c.heard:
		case <-time.After(time.Minute):
			t.Fatal("the broker has not confirmed in a minute")
		}
	}
}

// Declared returns the declare, bind, qos and consume methods that were sent, in order. It omits
// passive declarations, which only ask whether something exists.
func (p *Tap) Declared(t testing.TB) []frame.Method {
	t.Helper()
	return slices.DeleteFunc(p.Sent(t), func(m frame.Method) bool {
		switch m := m.(type) {
		case *frame.QueueDeclare:
			return m.Passive
		case *frame.ExchangeDeclare, *frame.QueueBind, *frame.BasicQos, *frame.BasicConsume:
			return false
		}
		return true
	})
}

// Sent returns all methods that were sent, in order, one connection after another.
func (p *Tap) Sent(t testing.TB) (found []frame.Method) {
	t.Helper()
	p.read(t, func(_ uint16, m frame.Method) {
		copied := reflect.New(reflect.TypeOf(m).Elem()) // m is only valid until the next method
		copied.Elem().Set(reflect.ValueOf(m).Elem())
		found = append(found, copied.Interface().(frame.Method))
	}, nil, nil)
	return found
}

// read parses everything that has been sent so far.
func (p *Tap) read(t testing.TB, method func(uint16, frame.Method), header func(uint16, frame.Header), body func(uint16, []byte)) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.mu.Lock()
		r := frame.NewReader(bytes.NewReader(bytes.Clone(c.sent.Bytes())))
		c.mu.Unlock()
		if _, err := r.Protocol(); err == nil {
			frames(t, r, method, header, body)
		}
	}
}

// frames parses the complete frames in r, and passes their channels to the functions.
func frames(t testing.TB, r *frame.Reader, method func(uint16, frame.Method), header func(uint16, frame.Header), body func(uint16, []byte)) {
	t.Helper()
	r.SetMaxSize(1 << 20)
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case f.Type == frame.TypeMethod:
			m, err := r.Method(f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			method(f.Channel, m)
		case f.Type == frame.TypeHeader && header != nil:
			h, err := r.Header(f.Payload)
			if err != nil {
				t.Fatal(err)
			}
			header(f.Channel, h)
		case f.Type == frame.TypeBody && body != nil:
			body(f.Channel, f.Payload)
		}
	}
}

// properties returns the properties that are set, by their names in the vectors, and the types of
// the headers.
func properties(p frame.Properties) (found, types map[string]any) {
	found = map[string]any{}
	for name, property := range map[string]frame.Property{
		"content_type": frame.ContentType, "content_encoding": frame.ContentEncoding,
		"correlation_id": frame.CorrelationID, "reply_to": frame.ReplyTo, "expiration": frame.Expiration,
		"message_id": frame.MessageID, "type": frame.Kind, "user_id": frame.UserID, "app_id": frame.AppID,
	} {
		if value, ok := p.String(property); ok {
			found[name] = value
		}
	}
	flags, rest := uint16(p[0])<<8|uint16(p[1]), p[2:]
	if flags&(1<<15) != 0 { // content_type
		rest = rest[1+rest[0]:]
	}
	if flags&(1<<14) != 0 { // content_encoding
		rest = rest[1+rest[0]:]
	}
	if flags&(1<<13) != 0 { // headers
		rest = rest[4+binary.BigEndian.Uint32(rest):]
	}
	if flags&(1<<12) != 0 {
		found["delivery_mode"], rest = float64(rest[0]), rest[1:]
	}
	if flags&(1<<11) != 0 {
		found["priority"] = float64(rest[0])
	}
	if flags&(1<<13) != 0 {
		headers, kinds := map[string]any{}, map[string]any{}
		for _, f := range p.Table() {
			headers[f.Name], kinds[f.Name] = field(f.Value)
		}
		found["headers"], types = headers, kinds
	}
	return found, types
}

// field returns a header's value in the form of the vectors, and the letter of its type.
func field(v any) (value, letter any) {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte(v))}, "S"
		}
		return v, "S"
	case int32:
		return float64(v), "I"
	case int64:
		return float64(v), "L"
	case float64:
		return v, "d"
	case bool:
		return v, "t"
	case nil:
		return nil, "V"
	case time.Time:
		return map[string]any{"timestamp": v.Unix()}, "T"
	case frame.Decimal:
		return map[string]any{"decimal_scale": v.Scale, "decimal_value": v.Value}, "D"
	case []any:
		values, letters := make([]any, len(v)), make([]any, len(v))
		for i := range v {
			values[i], letters[i] = field(v[i])
		}
		return values, []any{"A", letters}
	case frame.Table:
		values, letters := map[string]any{}, map[string]any{}
		for _, f := range v {
			values[f.Name], letters[f.Name] = field(f.Value)
		}
		return values, []any{"F", letters}
	}
	return v, reflect.TypeOf(v).String()
}
