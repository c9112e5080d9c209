package frame

import (
	"encoding/binary"
	"math"
)

// Properties are the encoded properties of a message: flags for the ones that are present, then
// their values. They stay encoded because a broker passes them on unchanged and reads only a few.
// Call Check before using them.
type Properties []byte

// A Property is one of the properties of a message.
type Property uint8

// The properties of class basic, in their order on the wire.
const (
	ContentType Property = iota
	ContentEncoding
	Headers
	DeliveryMode
	Priority
	CorrelationID
	ReplyTo
	Expiration
	MessageID
	Timestamp
	Kind // "type" on the wire
	UserID
	AppID
	ClusterID

	propertyCount
)

// Check returns an [*Error] if the properties are malformed.
func (p Properties) Check() error {
	_, rest, err := p.walk(propertyCount)
	if err == nil && len(rest) > 0 {
		err = syntaxError("a content header has %d bytes behind its properties", len(rest))
	}
	return err
}

// String returns a property of type short string, and whether it is present.
func (p Properties) String(prop Property) (string, bool) {
	value, _, err := p.walk(prop)
	if err != nil || value == nil {
		return "", false
	}
	return string(value[1:]), true
}

// Table returns the headers, or nil.
func (p Properties) Table() Table {
	value, _, err := p.walk(Headers)
	if err != nil || value == nil {
		return nil
	}
	t, _ := decodeTable(value[4:], 0)
	return t
}

// Is reports whether a property of type short string is present and equal to s.
func (p Properties) Is(prop Property, s string) bool {
	value, _, err := p.walk(prop)
	return err == nil && value != nil && string(value[1:]) == s
}

// Octet returns a property of one byte, and whether it is present.
func (p Properties) Octet(prop Property) (uint8, bool) {
	value, _, err := p.walk(prop)
	if err != nil || value == nil {
		return 0, false
	}
	return value[0], true
}

// Seconds returns a property that is a time, in seconds since 1970, and whether it is present.
func (p Properties) Seconds(prop Property) (uint64, bool) {
	value, _, err := p.walk(prop)
	if err != nil || value == nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(value), true
}

// RawTable returns the encoded headers without their size.
func (p Properties) RawTable() []byte {
	value, _, err := p.walk(Headers)
	if err != nil || value == nil {
		return nil
	}
	return value[4:]
}

// WithTable returns a copy with t as its headers.
func (p Properties) WithTable(t Table) Properties { return p.with(Headers, t.Append(nil)) }

// WithString returns a copy in which the property is the short string s.
func (p Properties) WithString(prop Property, s string) Properties {
	s = s[:min(len(s), math.MaxUint8)]
	return p.with(prop, append([]byte{byte(len(s))}, s...))
}

// WithOctet returns a copy in which the property is the byte n.
func (p Properties) WithOctet(prop Property, n uint8) Properties { return p.with(prop, []byte{n}) }

// WithSeconds returns a copy in which the property is the time n, in seconds since 1970.
func (p Properties) WithSeconds(prop Property, n uint64) Properties {
	return p.with(prop, binary.BigEndian.AppendUint64(nil, n))
}

// Without returns a copy without the property.
func (p Properties) Without(prop Property) Properties { return p.with(prop, nil) }

// with returns a copy in which prop has the encoded value, or is absent if value is nil.
func (p Properties) with(prop Property, value []byte) Properties {
	old, rest, err := p.walk(prop)
	if err != nil {
		return p // the caller has not checked them
	}
	flags := binary.BigEndian.Uint16(p) &^ (1 << (15 - prop))
	if value != nil {
		flags |= 1 << (15 - prop)
	}
	edited := binary.BigEndian.AppendUint16(make(Properties, 0, len(p)+len(value)), flags)
	edited = append(edited, p[2:len(p)-len(rest)-len(old)]...)
	edited = append(edited, value...)
	return append(edited, rest...)
}

// walk goes through the values up to prop. It returns the value of prop, or nil if it is absent,
// and the bytes after the last value that it has passed.
func (p Properties) walk(prop Property) (value, rest []byte, err error) {
	if len(p) < 2 {
		return nil, nil, syntaxError("a content header without property flags")
	}
	flags := binary.BigEndian.Uint16(p)
	if flags&3 != 0 {
		return nil, nil, syntaxError("a content header with unknown property flags %#x", flags&3)
	}
	rest = p[2:]
	for i := ContentType; i <= prop && i < propertyCount; i++ {
		value = nil
		if flags&(1<<(15-i)) == 0 {
			continue
		}
		n := 0
		switch i {
		case DeliveryMode, Priority:
			n = 1
		case Timestamp:
			n = 8
		case Headers:
			n = 4
			if len(rest) >= n {
				n += int(binary.BigEndian.Uint32(rest))
			}
		default:
			n = 1
			if len(rest) >= n {
				n += int(rest[0])
			}
		}
		if n < 0 || n > len(rest) {
			return nil, nil, syntaxError("a content header ends within property %d", i)
		}
		value, rest = rest[:n], rest[n:]
		if i == Headers && prop == propertyCount {
			if err := checkFields(value[4:], true, 0); err != nil {
				return nil, nil, err
			}
		}
	}
	return value, rest, nil
}
