package constraint

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// A leaf is the type to which the constraints of a field apply: the type of the field, or that of
// the elements of its lists and maps.
type leaf struct {
	typ  reflect.Type
	kind kind
}

type kind int

const (
	other kind = iota
	text
	signed
	unsigned
	float
	digital // a number in a string
)

var jsonNumber = reflect.TypeFor[json.Number]()

// leafOf returns the leaf of a field's type. A recursive list type has none.
func leafOf(t reflect.Type) leaf {
	for seen := map[reflect.Type]bool{}; !seen[t]; t = t.Elem() {
		if t == jsonNumber || DecodesItself(t) || isBytes(t) {
			break
		}
		if k := t.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Array && k != reflect.Map {
			break
		}
		seen[t] = true
	}
	return leaf{t, kindOf(t)}
}

func kindOf(t reflect.Type) kind {
	switch {
	case t == jsonNumber, isDecimalType(t):
		return digital
	case DecodesItself(t), isBytes(t):
		return other
	}
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return signed
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return unsigned
	case reflect.Float32, reflect.Float64:
		return float
	}
	return other
}

// isDecimalType reports whether t is codec.Decimal, which is a string.
func isDecimalType(t reflect.Type) bool {
	return t.Kind() == reflect.String && t.Name() == "Decimal" && strings.HasSuffix(t.PkgPath(), "/gomeko/codec")
}

// isBytes reports whether t is a slice of bytes, which counts as one value.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// DecodesItself reports whether t has its own UnmarshalJSON or UnmarshalText, so its fields are not
// members of an object.
func DecodesItself(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
