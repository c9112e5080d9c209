package constraint

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// A leaf is the type that the constraints of a field are about: that of the field, or of the
// elements of its lists and maps.
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
	digital // the digits of a number, in a string
)

var jsonNumber = reflect.TypeFor[json.Number]()

// leafOf returns the leaf of a field's type. A list of itself has none.
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

// isBytes reports whether t is a list of bytes, which is one value.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// DecodesItself reports whether t has its own UnmarshalJSON or UnmarshalText, so that its fields
// are not members.
func DecodesItself(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
