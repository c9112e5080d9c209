package codec

import (
	"encoding/base64"

	"github.com/google/uuid"
)

// Kombu 5.3 and later write a value that JSON has no type for as an object with these two members.
// They decode every object with these members as such a value. See docs/wire/nameko.md,
// Serialization.
const (
	typeKey  = "__type__"
	valueKey = "__value__"
)

// An envelope is such an object. Its text is what kombu 5.2 would have written for the value.
type envelope struct{ kind, text string }

// newEnvelope returns the envelope with these members. It returns false if they are not one of a
// known kind.
func newEnvelope(members map[string]any) (envelope, bool) {
	kind, _ := members[typeKey].(string)
	value, ok := members[valueKey]
	if len(members) != 2 || !ok {
		return envelope{}, false
	}
	switch kind {
	case "datetime", "date", "time", "decimal", "bytes", "base64":
		text, ok := value.(string)
		return envelope{kind, text}, ok
	case "uuid":
		fields, _ := value.(map[string]any)
		hex, ok := fields["hex"].(string)
		if id, err := uuid.Parse(hex); err == nil {
			hex = id.String()
		}
		return envelope{kind, hex}, ok && len(fields) == 1
	}
	return envelope{}, false
}

// value returns the Go value of e for an any. It returns false if the text is not a value of the
// kind.
func (e envelope) value() (v any, ok bool) {
	var err error
	switch e.kind {
	case "datetime":
		v, err = parseTime(e.text)
	case "date":
		v, err = parseDate(e.text)
	case "time":
		v, err = parseTimeOfDay(e.text)
	case "decimal":
		return Decimal(e.text), Decimal(e.text).valid()
	case "uuid":
		v, err = uuid.Parse(e.text)
	default:
		v, err = e.bytes()
	}
	return v, err == nil
}

// bytes returns the value of e for a []byte.
func (e envelope) bytes() ([]byte, error) {
	if e.kind == "bytes" {
		return []byte(e.text), nil
	}
	return unbase64(e.text)
}

func unbase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, valueErrorf("a string that is not base64 does not fit []byte")
	}
	return b, nil
}

// compactUUID returns id as 32 hexadecimal digits.
func compactUUID(id uuid.UUID) string {
	text := id.String()
	return text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
}
