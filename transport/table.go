package transport

import (
	"fmt"
	"math"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Table holds AMQP field values by name: the headers of a message, the arguments of a queue.
//
// Values may be nil, bool, every sized int, int and uint, float32, float64, string, []byte, time.Time (whole seconds
// are sent), []any and Table of those. An int goes as int32 if it fits, as Nameko's do, an unsigned one must fit int64.
// What is received holds int32, int64, float64, string, []any and Table for AMQP's I, l and L, d, S, A and F.
// Received headers that cannot be read are left out.
type Table = map[string]any

// tableDepth is how deep tables may nest; amqp091-go reads no deeper.
const tableDepth = 32

// encodeTable returns t in the types of amqp091-go, and its size on the wire.
func encodeTable(t Table) (amqp.Table, int, error) { return encodeNested(t, 0) }

func encodeNested(t Table, depth int) (amqp.Table, int, error) {
	if depth == tableDepth {
		return nil, 0, fmt.Errorf("nested deeper than %d", tableDepth)
	}
	encoded := make(amqp.Table, len(t))
	size := 4
	for name, value := range t {
		if len(name) > shortString {
			return nil, 0, fmt.Errorf("name of %d bytes is over %d: %.40q…", len(name), shortString, name)
		}
		v, n, err := encodeValue(value, depth)
		if err != nil {
			return nil, 0, fmt.Errorf("%q: %w", name, err)
		}
		encoded[name] = v
		size += 1 + len(name) + n
	}
	return encoded, size, nil
}

// encodeValue returns a field value, and its size with the byte of its type.
func encodeValue(value any, depth int) (any, int, error) {
	switch v := value.(type) {
	case nil:
		return nil, 1, nil
	case bool, int8, uint8:
		return v, 2, nil
	case int16, uint16:
		return v, 3, nil
	case int32, uint32, float32:
		return v, 5, nil
	case amqp.Decimal: // as it came
		return v, 6, nil
	case int64, float64, time.Time:
		return v, 9, nil
	case int:
		if v == int(int32(v)) {
			return int32(v), 5, nil
		}
		return int64(v), 9, nil
	case uint:
		return encodeValue(uint64(v), depth)
	case uint64:
		if v > math.MaxInt64 {
			return nil, 0, fmt.Errorf("%d does not fit int64, AMQP's largest", v)
		}
		return int64(v), 9, nil
	case string:
		return v, 5 + len(v), nil
	case []byte:
		return v, 5 + len(v), nil
	case []any:
		return encodeArray(v, depth+1)
	case amqp.Table:
		return encodeValue(Table(v), depth)
	case Table:
		t, n, err := encodeNested(v, depth+1)
		return t, 1 + n, err
	default:
		return nil, 0, fmt.Errorf("a %T is no AMQP value: want nil, bool, an integer, float, string, []byte, time.Time, []any or map[string]any", value)
	}
}

func encodeArray(values []any, depth int) (any, int, error) {
	if depth == tableDepth {
		return nil, 0, fmt.Errorf("nested deeper than %d", tableDepth)
	}
	encoded := make([]any, len(values))
	size := 5
	for i, value := range values {
		v, n, err := encodeValue(value, depth)
		if err != nil {
			return nil, 0, fmt.Errorf("[%d]: %w", i, err)
		}
		encoded[i] = v
		size += n
	}
	return encoded, size, nil
}

// decodeTable returns a received table with nested ones as Table.
func decodeTable(t amqp.Table) Table {
	decoded := make(Table, len(t))
	for name, value := range t {
		decoded[name] = decodeValue(value)
	}
	return decoded
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
