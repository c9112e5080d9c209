package transport

import (
	"fmt"
	"maps"
	"math"
	"slices"
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

// encodeTable returns t in the types of amqp091-go, and its size on the wire. What needs no change is not copied.
func encodeTable(t Table) (amqp.Table, int, error) { return encodeNested(t, 0) }

func encodeNested(t Table, depth int) (encoded amqp.Table, size int, err error) {
	if depth == tableDepth {
		return nil, 0, fmt.Errorf("nested deeper than %d", tableDepth)
	}
	encoded, size = amqp.Table(t), 4
	copied := false
	for name, value := range t {
		if len(name) > shortString {
			return nil, 0, fmt.Errorf("name of %d bytes is over %d: %.40q…", len(name), shortString, name)
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

// encodeValue returns a field value, its size with the byte of its type, and whether it is another one than value.
func encodeValue(value any, depth int) (encoded any, size int, changed bool, err error) {
	switch v := value.(type) {
	case nil:
		return nil, 1, false, nil
	case bool, int8, uint8:
		return value, 2, false, nil
	case int16, uint16:
		return value, 3, false, nil
	case int32, uint32, float32:
		return value, 5, false, nil
	case amqp.Decimal: // as it came
		return value, 6, false, nil
	case int64, float64, time.Time:
		return value, 9, false, nil
	case int:
		if v == int(int32(v)) {
			return int32(v), 5, true, nil
		}
		return int64(v), 9, true, nil
	case uint:
		return encodeValue(uint64(v), depth)
	case uint64:
		if v > math.MaxInt64 {
			return nil, 0, false, fmt.Errorf("%d does not fit int64, AMQP's largest", v)
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
		return nil, 0, false, fmt.Errorf("a %T is no AMQP value: want nil, bool, an integer, float, string, []byte, time.Time, []any or map[string]any", value)
	}
}

func encodeArray(values []any, depth int) (any, int, bool, error) {
	if depth == tableDepth {
		return nil, 0, false, fmt.Errorf("nested deeper than %d", tableDepth)
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

// decodeTable returns a received table, which it changes, with nested ones as Table.
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
