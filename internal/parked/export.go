package parked

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/transport"
)

// A record is a parked message as a line of a file: a JSON object. [codec.TypedJSON] encodes the
// headers, which keeps their types; one of them is [deadletter.OriginalHeader].
type record struct {
	Queue      string          `json:"queue"` // the queue in which the message failed
	Properties properties      `json:"properties"`
	Headers    json.RawMessage `json:"headers"`
	Body       *string         `json:"body,omitempty"`
	Base64     []byte          `json:"body_base64,omitempty"` // replaces Body if that is not text
}

// Export returns a message as a line for [Import], without the newline. It masks nothing.
func (m *Message) Export() ([]byte, error) {
	r := record{Queue: m.Queue, Properties: propertiesOf(m.delivery.Properties)}
	headers := transport.Table{}
	for name, value := range m.delivery.Headers {
		if !deadletter.Acts(name) { // Import would reject it
			headers[name] = value
		}
	}
	var err error
	if r.Headers, err = codec.TypedJSON.Encode(exported(headers)); err != nil {
		return nil, fmt.Errorf("message %s: headers: %w", m.ID, err)
	}
	if body := m.delivery.Body; utf8.Valid(body) {
		text := string(body)
		r.Body = &text
	} else {
		r.Base64 = body
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	return line, nil
}

// exported returns a header in a form that JSON can represent. The sender of a message chooses its
// headers, and a single unusual one must not prevent the message from being exported.
func exported(value any) any {
	switch v := value.(type) {
	case string:
		if !utf8.ValidString(v) {
			return []byte(v)
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = exported(v[i])
		}
		return list
	case map[string]any:
		table := make(map[string]any, len(v))
		for name, value := range v {
			table[strings.ToValidUTF8(name, "\ufffd")] = exported(value)
		}
		return table
	}
	return encodable(value)
}

// encodable returns the value of a header, or text if JSON cannot represent the value.
func encodable(value any) any {
	switch v := value.(type) {
	case float32:
		return encodable(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	case time.Time:
		if written(v).IsZero() {
			return fmt.Sprintf("%d s since 1970", v.Unix())
		}
	}
	return value
}

// deliveryCount is the header in which a quorum queue counts how often a message was requeued.
const deliveryCount = "x-delivery-count"

// Import parks messages from lines that [Message.Export] made, each in the dead queue of its queue,
// which it creates if necessary. It returns how many messages it has parked, counting those that
// the broker has confirmed. A message that is parked already is parked again, with the same ID.
// progress is called after each message; it may be nil.
func Import(ctx context.Context, conn *transport.Conn, from io.Reader, queues deadletter.Queues, progress func(n int)) (n int, err error) {
	lines := bufio.NewReader(from)
	declared := map[string]bool{}
	limit := lineFactor*conn.MaxMessage() + lineExtra
	for number := 1; ; number++ {
		line, err := readLine(lines, limit)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		var p transport.Publishing
		var queue string
		if err == nil && len(line) == 0 {
			continue
		}
		if err == nil {
			queue, p, err = parse(line, queues)
		}
		if err == nil && !declared[queue] {
			err = conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{queues.Dead(queue)}})
			declared[queue] = true
		}
		if err == nil {
			err = conn.Publish(ctx, p)
		}
		if err != nil {
			return n, fmt.Errorf("line %d: %w", number, err)
		}
		if n++; progress != nil {
			progress(n)
		}
	}
}

// A line takes at most lineFactor bytes for each byte of a body (the escape \u0000) and lineExtra
// bytes for the rest.
const (
	lineFactor = 6
	lineExtra  = 1 << 20
)

// readLine returns the next line without leading and trailing space.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("is longer than %d bytes: it is not a message", limit)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return bytes.TrimSpace(line), nil
		default:
			return nil, err
		}
	}
}

// parse returns the message in a line.
func parse(line []byte, queues deadletter.Queues) (queue string, p transport.Publishing, err error) {
	const remedy = "want a line that gomeko dead export has written"
	var r record
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return "", p, fmt.Errorf("%w: %s", err, remedy)
	}
	p = transport.Publishing{Key: deadletter.DeadQueue(r.Queue), Mandatory: true, Properties: r.Properties.transport(), Body: r.Base64}
	p.Expiration = queues.Expiration()
	if r.Body != nil {
		p.Body = []byte(*r.Body)
	}
	if len(r.Headers) > 0 {
		var headers any
		if err := codec.JSON.Decode(r.Headers, &headers); err != nil {
			return "", p, fmt.Errorf("headers: %w", err)
		}
		p.Headers, _ = sendable(headers).(transport.Table)
	}
	if r.Queue == "" || len(r.Queue) > 255 || p.Body == nil { // a message that no process has parked has no OriginalHeader
		return "", p, fmt.Errorf("has no queue, or no body: %s", remedy)
	}
	for _, name := range []string{"CC", "BCC"} { // the broker would send copies
		if _, acts := p.Headers[name]; acts {
			return "", p, fmt.Errorf("has a header %s: %s", name, remedy)
		}
	}
	return r.Queue, p, nil
}

// sendable returns a decoded value with types that AMQP has.
func sendable(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = sendable(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = sendable(v[name])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // f is an infinity if the number is too large
		return f
	case nil, bool, string, float64, []byte, time.Time:
	default: // an envelope of a type that AMQP does not have
		return fmt.Sprint(v)
	}
	return value
}
