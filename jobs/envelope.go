package jobs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/transport"
)

// An envelope is what the outbox keeps of a message besides its exchange, routing key and body, as
// JSON. It preserves the types of headers: the message is the same as one that is published without
// the outbox.
type envelope struct {
	Mandatory       bool            `json:"mandatory,omitempty"`
	Signed          bool            `json:"signed,omitempty"`
	ContentType     string          `json:"content_type,omitempty"`
	ContentEncoding string          `json:"content_encoding,omitempty"`
	Headers         json.RawMessage `json:"headers,omitempty"`
	Persistent      bool            `json:"persistent,omitempty"`
	Priority        uint8           `json:"priority,omitempty"`
	CorrelationID   string          `json:"correlation_id,omitempty"`
	ReplyTo         string          `json:"reply_to,omitempty"`
	Expiration      time.Duration   `json:"expiration,omitempty"`
	MessageID       string          `json:"message_id,omitempty"`
	Type            string          `json:"type,omitempty"`
	AppID           string          `json:"app_id,omitempty"`
	Timestamp       int64           `json:"timestamp,omitempty"` // seconds since 1970
}

// seal returns the envelope of a message.
func seal(m *transport.Publishing) (string, error) {
	for _, text := range []string{m.ContentType, m.ContentEncoding, m.CorrelationID, m.ReplyTo, m.MessageID, m.Type, m.AppID} {
		if !utf8.ValidString(text) {
			return "", fmt.Errorf("property %q: is not a text in UTF-8", text)
		}
	}
	e := envelope{
		Mandatory: m.Mandatory, Signed: m.Signed, ContentType: m.ContentType, ContentEncoding: m.ContentEncoding,
		Persistent: m.Persistent, Priority: m.Priority, CorrelationID: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration,
		MessageID: m.MessageID, Type: m.Type, AppID: m.AppID,
	}
	if !m.Timestamp.IsZero() {
		e.Timestamp = m.Timestamp.Unix()
	}
	table, err := sealTable(m.Headers)
	if err != nil {
		return "", fmt.Errorf("headers: %w", err)
	}
	if e.Headers, err = json.Marshal(table); err != nil {
		return "", fmt.Errorf("headers: %w", err)
	}
	text, err := json.Marshal(e)
	return string(text), err
}

// unseal returns the message of an envelope, without its exchange, its routing key and its body.
func unseal(text string) (m transport.Publishing, err error) {
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return m, err
	}
	m = transport.Publishing{Mandatory: e.Mandatory, Signed: e.Signed, Compressible: true, Properties: transport.Properties{
		ContentType: e.ContentType, ContentEncoding: e.ContentEncoding, Persistent: e.Persistent, Priority: e.Priority,
		CorrelationID: e.CorrelationID, ReplyTo: e.ReplyTo, Expiration: e.Expiration, MessageID: e.MessageID, Type: e.Type, AppID: e.AppID,
	}}
	if e.Timestamp != 0 {
		m.Timestamp = time.Unix(e.Timestamp, 0).UTC()
	}
	var table map[string]any
	decoder := json.NewDecoder(bytes.NewReader(e.Headers))
	decoder.UseNumber()
	if err = decoder.Decode(&table); err == nil {
		m.Headers, err = unsealTable(table)
	}
	if err != nil {
		err = fmt.Errorf("headers: %w", err)
	}
	return m, err
}

func sealTable(table transport.Table) (map[string]any, error) {
	sealed := make(map[string]any, len(table))
	for name, v := range table {
		var err error
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("the name %q is not a text in UTF-8", name)
		}
		if sealed[name], err = sealValue(v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return sealed, nil
}

// sealValue returns the value of a header for JSON. null, true, false, texts, ints and arrays are
// encoded directly; other values become an object with their type and a text.
func sealValue(v any) (any, error) {
	typed := func(name, text string) (any, error) { return map[string]string{name: text}, nil }
	switch v := v.(type) {
	case nil, bool, int:
		return v, nil
	case string:
		if utf8.ValidString(v) {
			return v, nil
		}
		return typed("text", base64.StdEncoding.EncodeToString([]byte(v)))
	case []byte:
		return typed("bytes", base64.StdEncoding.EncodeToString(v))
	case int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return typed(fmt.Sprintf("%T", v), fmt.Sprint(v))
	case float32:
		return typed("float32", strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return typed("float64", strconv.FormatFloat(v, 'g', -1, 64))
	case time.Time:
		return typed("time", strconv.FormatInt(v.Unix(), 10))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = sealValue(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case transport.Table:
		table, err := sealTable(v)
		return map[string]any{"table": table}, err
	}
	return nil, fmt.Errorf("the type %T cannot be kept", v)
}

func unsealTable(sealed map[string]any) (transport.Table, error) {
	table := make(transport.Table, len(sealed))
	for name, v := range sealed {
		var err error
		if table[name], err = unsealValue(v); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return table, nil
}

func unsealValue(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = unsealValue(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		for name, value := range v { // one member
			if table, ok := value.(map[string]any); ok && name == "table" {
				return unsealTable(table)
			}
			text, ok := value.(string)
			unseal := unsealers[name]
			if !ok || unseal == nil {
				return nil, fmt.Errorf("the type %q is not known: a newer version of gomeko has written it", name)
			}
			return unseal(text)
		}
	}
	return v, nil
}

// unsealers decode the types that [sealValue] names.
var unsealers = map[string]func(text string) (any, error){
	"text": func(text string) (any, error) {
		data, err := base64.StdEncoding.DecodeString(text)
		return string(data), err
	},
	"bytes": func(text string) (any, error) { return base64.StdEncoding.DecodeString(text) },
	"time": func(text string) (any, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		return time.Unix(n, 0).UTC(), err
	},
	"float32": func(text string) (any, error) {
		v, err := strconv.ParseFloat(text, 32)
		return float32(v), err
	},
	"float64": func(text string) (any, error) { return strconv.ParseFloat(text, 64) },
	"int8":    integer[int8], "int16": integer[int16], "int32": integer[int32], "int64": integer[int64],
	"uint": integer[uint], "uint8": integer[uint8], "uint16": integer[uint16], "uint32": integer[uint32], "uint64": integer[uint64],
}

func integer[T int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64](text string) (any, error) {
	var v T
	_, err := fmt.Sscan(text, &v)
	return v, err
}
