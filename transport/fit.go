package transport

import (
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

// fit checks and rewrites JSON for a value of type t, in what encoding/json decides otherwise: a null where t has no
// nil is an error, and 2.0 becomes 2 where t has an integer. Data that is not valid is left to encoding/json.
func fit(data []byte, t reflect.Type) ([]byte, error) {
	if !json.Valid(data) || t == nil {
		return data, nil
	}
	f := fitter{data: data}
	if _, err := f.value(0, t.Elem()); err != nil {
		return nil, err
	}
	return append(f.out, data[f.copied:]...), nil
}

type fitter struct {
	data   []byte // valid JSON
	out    []byte // the rewritten data, up to
	copied int
}

// value goes through the value at or after data[i] and returns where it ends.
func (f *fitter) value(i int, t reflect.Type) (int, error) {
	i = space(f.data, i)
	end := skip(f.data, i)
	nullable := false
	for t.Kind() == reflect.Pointer && !decodesItself(t) {
		t, nullable = t.Elem(), true
	}
	if decodesItself(t) || decodesItself(reflect.PointerTo(t)) {
		return end, nil
	}
	switch b := f.data[i]; b {
	case 'n':
		if k := t.Kind(); !nullable && k != reflect.Map && k != reflect.Slice && k != reflect.Interface {
			return 0, fmt.Errorf("null does not fit %s", t)
		}
	case '{', '[':
		return end, f.members(i+1, t, b == '{')
	case '"', 't', 'f':
	default:
		if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr {
			if whole, ok := integer(string(f.data[i:end])); ok {
				f.out = append(append(f.out, f.data[f.copied:i]...), whole...)
				f.copied = end
			}
		}
	}
	return end, nil
}

// members goes through what is in an object or a list.
func (f *fitter) members(i int, t reflect.Type, object bool) error {
	var element reflect.Type
	switch k := t.Kind(); {
	case object && k == reflect.Map, !object && (k == reflect.Slice || k == reflect.Array):
		element = t.Elem()
	case !object || k != reflect.Struct:
		return nil // an any, or a misfit that encoding/json reports
	}
	at := 0
	for name, value := range members(f.data, i) {
		member := element
		if member == nil {
			member = field(t, name)
		}
		if member == nil {
			continue // unknown keys are ignored
		}
		// value is a part of data, so its capacity says where it starts.
		if _, err := f.value(cap(f.data)-cap(value), member); err != nil {
			if object {
				return fmt.Errorf("%s: %w", name, err)
			}
			return fmt.Errorf("[%d]: %w", at, err)
		}
		at++
	}
	return nil
}

// field returns the type of the field that encoding/json decodes name into, or nil.
func field(t reflect.Type, name string) reflect.Type {
	var found reflect.Type
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || tag == "-" || f.Anonymous && tag == "" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		if tag == name {
			return f.Type
		}
		if found == nil && strings.EqualFold(tag, name) {
			found = f.Type
		}
	}
	return found
}

func decodesItself(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Unmarshaler]()) || t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// integer returns a number with a point or an exponent as a whole number, if it is one that 64 bits may hold.
func integer(number string) (string, bool) {
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent := 0
	if _, err := fmt.Sscanf(power, "%d", &exponent); power != "" && err != nil {
		return "", false
	}
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0", true
	}
	exponent -= len(fraction)
	for exponent < 0 && strings.HasSuffix(digits, "0") {
		digits = digits[:len(digits)-1]
		exponent++
	}
	if exponent < 0 || len(digits)+exponent > 20 {
		return "", false
	}
	return sign + digits + strings.Repeat("0", exponent), true
}

// members yields name (of an object's) and value of the members of valid JSON, from the index after its opening byte.
// The values are parts of data.
func members(data []byte, i int) iter.Seq2[string, []byte] {
	object := data[i-1] == '{'
	return func(yield func(string, []byte) bool) {
		for i := space(data, i); data[i] != ']' && data[i] != '}'; i = space(data, i) {
			if data[i] == ',' {
				i = space(data, i+1)
			}
			name := ""
			if object {
				end := skip(data, i)
				json.Unmarshal(data[i:end], &name)
				i = space(data, space(data, end)+1) // over the colon
			}
			end := skip(data, i)
			if !yield(name, data[i:end]) {
				return
			}
			i = end
		}
	}
}

// space returns the index of the first byte from i on that is no white space.
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// skip returns the index after the value at data[i], which is valid JSON.
func skip(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			continue
		default:
			for i+1 < len(data) && !strings.ContainsRune(" \t\r\n,:]}", rune(data[i+1])) {
				i++
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
