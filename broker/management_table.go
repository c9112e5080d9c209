package broker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/frame"
)

// jsonTable converts a field table for JSON.
func jsonTable(t frame.Table) map[string]any {
	m := make(map[string]any, len(t))
	for _, f := range t {
		m[f.Name] = jsonValue(f.Value)
	}
	return m
}

func jsonValue(value any) any {
	switch v := value.(type) {
	case frame.Table:
		return jsonTable(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = jsonValue(item)
		}
		return list
	case time.Time:
		return v.Unix()
	case []byte:
		return text(v)
	case string:
		return text([]byte(v))
	case frame.Decimal:
		return float64(v.Value) / math.Pow10(int(v.Scale))
	case float32:
		return jsonValue(float64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has neither
			return fmt.Sprint(v)
		}
	}
	return value
}

// text returns b as a string if it is valid text, otherwise in base64.
func text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// tableOf converts a JSON object to a field table, sorted by name. Integers become 64-bit.
func tableOf(object jsonObject) (frame.Table, error) {
	t := make(frame.Table, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value, err := valueOf(object[name])
		if err != nil {
			return nil, err
		}
		t = append(t, frame.Field{Name: name, Value: value})
	}
	return t, nil
}

func valueOf(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, badRequest("null_not_allowed")
	case map[string]any:
		return tableOf(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = valueOf(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	}
	return value, nil
}

// shortStrings are the short-string properties, with their names in JSON.
var shortStrings = []struct {
	name string
	frame.Property
}{
	{"content_type", frame.ContentType}, {"content_encoding", frame.ContentEncoding},
	{"correlation_id", frame.CorrelationID}, {"reply_to", frame.ReplyTo}, {"expiration", frame.Expiration},
	{"message_id", frame.MessageID}, {"type", frame.Kind}, {"user_id", frame.UserID}, {"app_id", frame.AppID},
	{"cluster_id", frame.ClusterID},
}

// jsonProperties converts the properties that are set for JSON, or returns an empty list if none
// is.
func jsonProperties(p frame.Properties) any {
	m := make(map[string]any)
	for _, s := range shortStrings {
		if value, ok := p.String(s.Property); ok {
			m[s.name] = value
		}
	}
	for name, prop := range map[string]frame.Property{"delivery_mode": frame.DeliveryMode, "priority": frame.Priority} {
		if value, ok := p.Octet(prop); ok {
			m[name] = value
		}
	}
	if seconds, ok := p.Seconds(frame.Timestamp); ok {
		m["timestamp"] = seconds
	}
	if headers := p.Table(); headers != nil {
		m["headers"] = jsonTable(headers)
	}
	if len(m) == 0 {
		return []any{}
	}
	return m
}

// propertiesOf converts a JSON object to properties. Unknown keys are ignored.
func propertiesOf(object map[string]json.RawMessage) (frame.Properties, error) {
	p := frame.Properties{0, 0}
	for _, s := range shortStrings {
		var value string
		if set, err := property(object, s.name, &value); err != nil {
			return nil, err
		} else if set {
			p = p.WithString(s.Property, value)
		}
	}
	for name, prop := range map[string]frame.Property{"delivery_mode": frame.DeliveryMode, "priority": frame.Priority} {
		var value uint8
		if set, err := property(object, name, &value); err != nil {
			return nil, err
		} else if set {
			p = p.WithOctet(prop, value)
		}
	}
	var seconds uint64
	if set, err := property(object, "timestamp", &seconds); err != nil {
		return nil, err
	} else if set {
		p = p.WithSeconds(frame.Timestamp, seconds)
	}
	var headers jsonObject
	if set, err := property(object, "headers", &headers); err != nil || !set {
		return p, err
	}
	t, err := tableOf(headers)
	return p.WithTable(t), err
}

// A jsonObject decodes numbers as json.Number.
type jsonObject map[string]any

// UnmarshalJSON implements [json.Unmarshaler].
func (o *jsonObject) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode((*map[string]any)(o))
}

// property decodes one property and reports whether it is present.
func property(object map[string]json.RawMessage, name string, into any) (bool, error) {
	value, set := object[name]
	if !set {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return false, badRequest("%s: %v", name, err)
	}
	return true, nil
}
