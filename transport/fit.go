package transport

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// encoding/json decides three things otherwise than Python and a wire that loses nothing: a float64 of 2 is written as
// 2, which is an int to Python; a null fits everything; and 2.0 fits no int. A fitter goes through valid JSON beside
// the Go value or type it belongs to and puts them right.
type fitter struct {
	shapes *shapes
	data   []byte // valid JSON
	out    []byte // data up to copied, put right
	copied int
}

// fitted returns the data put right.
func (f *fitter) fitted() []byte {
	if f.copied == 0 {
		return f.data
	}
	return append(f.out, f.data[f.copied:]...)
}

// replace puts literal in place of data[i:end].
func (f *fitter) replace(i, end int, literal string) {
	f.out = append(append(f.out, f.data[f.copied:i]...), literal...)
	f.copied = end
}

// written goes through the value at data[i] that encoding/json has made of v, gives every float its point, and returns
// where the value ends.
func (f *fitter) written(i int, v reflect.Value) (int, error) {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && !f.shapes.of(v.Type()).itself {
		v = v.Elem()
	}
	if !v.IsValid() || !f.shapes.of(v.Type()).floats {
		return skip(f.data, i), nil
	}
	switch b := f.data[i]; {
	case b == '{' || b == '[':
		return members(f.data, i, func(name string, at, i int) (int, error) {
			return f.written(i, f.shapes.member(v, name, at))
		})
	case b != '"' && (v.Kind() == reflect.Float64 || v.Kind() == reflect.Float32):
		end := skip(f.data, i)
		if number := string(f.data[i:end]); !strings.ContainsAny(number, ".e") {
			f.replace(i, end, number+".0")
		}
		return end, nil
	}
	return skip(f.data, i), nil
}

// read goes through the value at data[i] that is to be decoded into a t, refuses a null that t has no nil for, makes
// 2.0 a 2 where t is an integer, and returns where the value ends.
func (f *fitter) read(i int, t reflect.Type) (int, error) {
	nullable := false
	for t.Kind() == reflect.Pointer && !f.shapes.of(t).itself {
		t, nullable = t.Elem(), true
	}
	shape := f.shapes.of(t)
	switch b := f.data[i]; {
	case shape.itself || t.Kind() == reflect.Interface:
	case b == 'n':
		if k := t.Kind(); !nullable && k != reflect.Map && k != reflect.Slice {
			return 0, fmt.Errorf("null does not fit %s", t)
		}
	case b == '{' || b == '[':
		return members(f.data, i, func(name string, at, i int) (int, error) {
			member := shape.member(t, name)
			if member == nil {
				return skip(f.data, i), nil // an unknown key, or a misfit that encoding/json reports
			}
			end, err := f.read(i, member)
			if err != nil && b == '{' {
				err = fmt.Errorf("%s: %w", name, err)
			} else if err != nil {
				err = fmt.Errorf("[%d]: %w", at, err)
			}
			return end, err
		})
	case b == '-' || '0' <= b && b <= '9':
		end := skip(f.data, i)
		if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr {
			if number := string(f.data[i:end]); strings.ContainsAny(number, ".eE") {
				if whole, ok := integer(number); ok {
					f.replace(i, end, whole)
				}
			}
		}
		return end, nil
	}
	return skip(f.data, i), nil
}

// integer returns a number with a point or an exponent as digits only, if it is whole and 64 bits may hold it.
func integer(number string) (string, bool) {
	mantissa, power, _ := strings.Cut(strings.ToLower(number), "e")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return "", false
		}
	}
	digits, minus := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(fraction)
	switch {
	case significant == "":
		return "0", true
	case exponent < 0 || exponent > 20:
		return "", false
	}
	whole = significant + strings.Repeat("0", exponent)
	if minus {
		whole = "-" + whole
	}
	return whole, true
}

// A shape is what a fitter needs to know of a type.
type shape struct {
	itself bool                           // it encodes or decodes itself
	floats bool                           // a float may be in it
	fields map[string]reflect.StructField // a struct's, by their names in JSON
}

// shapes remembers the shapes of types.
type shapes struct{ known sync.Map }

func (s *shapes) of(t reflect.Type) *shape {
	if known, ok := s.known.Load(t); ok {
		return known.(*shape)
	}
	made := &shape{itself: converts(t) || converts(reflect.PointerTo(t)), floats: floats(t, map[reflect.Type]bool{})}
	if t.Kind() == reflect.Struct {
		made.fields = map[string]reflect.StructField{}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Tag.Get("json") != "-" && (f.IsExported() && !f.Anonymous || name != "") {
				if name == "" {
					name = f.Name
				}
				made.fields[name] = f
			}
		}
	}
	s.known.Store(t, made)
	return made
}

// member returns the type of what is under name in an object, or in a list, that is decoded into a t; nil if nothing.
func (s *shape) member(t reflect.Type, name string) reflect.Type {
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array:
		return t.Elem()
	}
	if f, ok := s.fields[name]; ok {
		return f.Type
	}
	for known, f := range s.fields { // as encoding/json does
		if strings.EqualFold(known, name) {
			return f.Type
		}
	}
	return nil
}

// member returns what is under name in the object, or at an index of the list, that v was encoded to.
func (s *shapes) member(v reflect.Value, name string, at int) (member reflect.Value) {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return v.Index(at)
	case reflect.Struct:
		if f, ok := s.of(v.Type()).fields[name]; ok {
			member, _ = v.FieldByIndexErr(f.Index)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key()))
		}
		for key, value := range v.Seq2() {
			if fmt.Sprint(key) == name {
				return value
			}
		}
	}
	return member
}

func converts(t reflect.Type) bool {
	for _, i := range []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](),
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if t.Implements(i) {
			return true
		}
	}
	return false
}

func floats(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || converts(t) || converts(reflect.PointerTo(t)) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Interface:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array:
		return floats(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if floats(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
