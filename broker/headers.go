package broker

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// headersRoutes matches its bindings one by one against the headers of a message.
type headersRoutes struct{ bound []headersBinding }

// A headersBinding matches messages that have all, or any, of its headers.
type headersBinding struct {
	binding     binding
	destination *destination
	any         bool
	wanted      frame.Table // a nil value matches any value
}

func (r *headersRoutes) add(b binding, d *destination) {
	arguments := b.table()
	match, _ := arguments.Get("x-match")
	kind, withX := strings.CutSuffix(matchKind(match), "-with-x")
	h := headersBinding{binding: b, destination: d, any: kind == "any"}
	for _, f := range arguments {
		if f.Name != "x-match" && (withX || !strings.HasPrefix(f.Name, "x-")) {
			h.wanted = append(h.wanted, f)
		}
	}
	r.bound = append(r.bound, h)
}

func (r *headersRoutes) remove(b binding, d *destination) {
	r.bound = slices.DeleteFunc(r.bound, func(h headersBinding) bool {
		return h.binding == b && h.destination == d
	})
}

func (r *headersRoutes) find(m *message, _ string, found []*destination) []*destination {
	if len(r.bound) == 0 {
		return found
	}
	headers := make(map[string]any) // a map is cheap for many headers and many bindings
	for _, f := range m.properties().Table() {
		if _, present := headers[f.Name]; !present {
			headers[f.Name] = f.Value
		}
	}
	for i := range r.bound {
		if r.bound[i].matches(headers) {
			found = append(found, r.bound[i].destination)
		}
	}
	return found
}

func (h *headersBinding) matches(headers map[string]any) bool {
	for _, want := range h.wanted {
		value, present := headers[want.Name]
		if present && (want.Value == nil || sameHeader(value, want.Value)) == h.any {
			return h.any
		}
		if !present && !h.any {
			return false
		}
	}
	return !h.any
}

// sameHeader compares as RabbitMQ does: numbers and times by value, whatever their type, and
// strings with binaries. Within arrays and tables, types must be equal.
func sameHeader(a, b any) bool {
	x, isInt := integer(plainValue(a))
	y, both := integer(plainValue(b))
	if isInt && both {
		return x == y
	}
	p, isNumber := number(plainValue(a))
	q, both := number(plainValue(b))
	if isNumber && both {
		return p == q
	}
	return reflect.DeepEqual(plainValue(a), plainValue(b))
}

// plainValue converts a time to a number and a binary to a string.
func plainValue(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.Unix()
	case []byte:
		return string(v)
	}
	return value
}

// number returns the value of any numeric type except decimal.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	n, ok := integer(value)
	return float64(n), ok
}

func matchKind(match any) string {
	s, _ := match.(string)
	return s
}

// checkMatch returns an error for an unknown x-match.
func checkMatch(arguments frame.Table) error {
	value, present := arguments.Get("x-match")
	if !present {
		return nil
	}
	switch match, isString := value.(string); {
	case !isString:
		return exceptionf(codePreconditionFailed, "Invalid x-match field type %s (value %s); expected longstr",
			typeName(value), term(value))
	case match != "all" && match != "any" && match != "all-with-x" && match != "any-with-x":
		return exceptionf(codePreconditionFailed, "Invalid x-match field value <<%q>>; "+
			"expected all, any, all-with-x, or any-with-x", match)
	}
	return nil
}
