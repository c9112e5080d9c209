package frame

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// A Table is a field table: named values, in their order on the wire.
type Table []Field

// A Field is an entry of a [Table]. Its value has one of the following types. Each corresponds to
// one type on the wire, whose letter has the same meaning as in RabbitMQ:
//
//	bool t    int8 b    uint8 B   int16 s   uint16 u   int32 I   uint32 i
//	int64 l   uint64 L  float32 f float64 d Decimal D  string S  []byte x
//	[]any A   time.Time T (whole seconds)   Table F    nil V
type Field struct {
	Name  string
	Value any
}

// A Decimal is the number Value / 10^Scale.
type Decimal struct {
	Scale uint8
	Value int32
}

// maxDepth is how deep tables and arrays may nest.
const maxDepth = 64

// Get returns the value of the first field called name.
func (t Table) Get(name string) (any, bool) {
	for _, f := range t {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// ParseTable decodes the fields of a table without its size.
func ParseTable(b []byte) (Table, error) { return decodeTable(b, 0) }

// Append appends the table's size and fields to b. It panics if a value does not have one of the
// types of a [Field].
func (t Table) Append(b []byte) []byte {
	return sized(b, func(b []byte) []byte {
		for _, f := range t {
			name := f.Name[:min(len(f.Name), math.MaxUint8)]
			b = append(append(b, byte(len(name))), name...)
			b = appendValue(b, f.Value)
		}
		return b
	})
}

// sized appends the output of write, after its size in four bytes.
func sized(b []byte, write func([]byte) []byte) []byte {
	start := len(b)
	b = write(append(b, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendValue(b []byte, value any) []byte {
	be := binary.BigEndian
	switch v := value.(type) {
	case nil:
		return append(b, 'V')
	case bool:
		if v {
			return append(b, 't', 1)
		}
		return append(b, 't', 0)
	case int8:
		return append(b, 'b', byte(v))
	case uint8:
		return append(b, 'B', v)
	case int16:
		return be.AppendUint16(append(b, 's'), uint16(v))
	case uint16:
		return be.AppendUint16(append(b, 'u'), v)
	case int32:
		return be.AppendUint32(append(b, 'I'), uint32(v))
	case uint32:
		return be.AppendUint32(append(b, 'i'), v)
	case int64:
		return be.AppendUint64(append(b, 'l'), uint64(v))
	case uint64:
		return be.AppendUint64(append(b, 'L'), v)
	case float32:
		return be.AppendUint32(append(b, 'f'), math.Float32bits(v))
	case float64:
		return be.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case Decimal:
		return be.AppendUint32(append(b, 'D', v.Scale), uint32(v.Value))
	case time.Time:
		return be.AppendUint64(append(b, 'T'), uint64(v.Unix()))
	case string:
		return append(be.AppendUint32(append(b, 'S'), uint32(len(v))), v...)
	case []byte:
		return append(be.AppendUint32(append(b, 'x'), uint32(len(v))), v...)
	case []any:
		return sized(append(b, 'A'), func(b []byte) []byte {
			for _, item := range v {
				b = appendValue(b, item)
			}
			return b
		})
	case Table:
		return v.Append(append(b, 'F'))
	}
	panic(fmt.Sprintf("frame: a table cannot hold a %T", value)) // a peer cannot cause this
}

// width is the size of the values of each type. Values of other types begin with their size.
var width = map[byte]int{
	't': 1, 'b': 1, 'B': 1, 's': 2, 'u': 2, 'I': 4, 'i': 4, 'l': 8, 'L': 8,
	'f': 4, 'd': 8, 'D': 5, 'T': 8, 'V': 0,
}

// nextValue splits off the first value of b: its type and its bytes.
func nextValue(b []byte) (kind byte, value, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, nil, syntaxError("a table ends before a value")
	}
	kind, b = b[0], b[1:]
	n, fixed := width[kind]
	if !fixed {
		switch kind {
		case 'S', 'x', 'A', 'F':
		default:
			return 0, nil, nil, syntaxError("a table has a value of the unknown type %q", kind)
		}
		if len(b) < 4 {
			return 0, nil, nil, syntaxError("a table ends within a value of type %q", kind)
		}
		n, b = int(binary.BigEndian.Uint32(b)), b[4:]
	}
	if n < 0 || n > len(b) {
		return 0, nil, nil, syntaxError("a table ends within a value of type %q", kind)
	}
	return kind, b[:n], b[n:], nil
}

// nextName splits off the name of a field.
func nextName(b []byte) (name, rest []byte, err error) {
	n := int(b[0])
	if b = b[1:]; n > len(b) {
		return nil, nil, syntaxError("a table ends within the name of a field")
	}
	return b[:n], b[n:], nil
}

func decodeTable(b []byte, depth int) (Table, error) {
	var t Table
	for len(b) > 0 {
		name, rest, err := nextName(b)
		if err != nil {
			return nil, err
		}
		f := Field{Name: string(name)}
		if f.Value, b, err = decodeValue(rest, depth); err != nil {
			return nil, err
		}
		t = append(t, f)
	}
	return t, nil
}

func decodeArray(b []byte, depth int) ([]any, error) {
	array := []any{}
	for len(b) > 0 {
		value, rest, err := decodeValue(b, depth)
		if err != nil {
			return nil, err
		}
		array, b = append(array, value), rest
	}
	return array, nil
}

func decodeValue(b []byte, depth int) (value any, rest []byte, err error) {
	kind, v, rest, err := nextValue(b)
	if err != nil {
		return nil, nil, err
	}
	be := binary.BigEndian
	switch kind {
	case 't':
		value = v[0] != 0
	case 'b':
		value = int8(v[0])
	case 'B':
		value = v[0]
	case 's':
		value = int16(be.Uint16(v))
	case 'u':
		value = be.Uint16(v)
	case 'I':
		value = int32(be.Uint32(v))
	case 'i':
		value = be.Uint32(v)
	case 'l':
		value = int64(be.Uint64(v))
	case 'L':
		value = be.Uint64(v)
	case 'f':
		value = math.Float32frombits(be.Uint32(v))
	case 'd':
		value = math.Float64frombits(be.Uint64(v))
	case 'D':
		value = Decimal{Scale: v[0], Value: int32(be.Uint32(v[1:]))}
	case 'T':
		value = time.Unix(int64(be.Uint64(v)), 0)
	case 'S':
		value = string(v)
	case 'x':
		value = append([]byte{}, v...)
	case 'A', 'F':
		if depth++; depth > maxDepth {
			return nil, nil, syntaxError("a table nests deeper than %d levels", maxDepth)
		}
		if kind == 'A' {
			value, err = decodeArray(v, depth)
		} else {
			value, err = decodeTable(v, depth)
		}
	}
	return value, rest, err
}

// checkFields checks that b is a well-formed sequence of values, each preceded by a name if named
// is true. It accepts the same input as decodeTable and decodeArray, but does not allocate.
func checkFields(b []byte, named bool, depth int) error {
	for len(b) > 0 {
		if named {
			_, rest, err := nextName(b)
			if err != nil {
				return err
			}
			b = rest
		}
		kind, value, rest, err := nextValue(b)
		if err != nil {
			return err
		}
		if kind == 'A' || kind == 'F' {
			if depth >= maxDepth {
				return syntaxError("a table nests deeper than %d levels", maxDepth)
			}
			if err := checkFields(value, kind == 'F', depth+1); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}
