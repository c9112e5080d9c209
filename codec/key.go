package codec

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
)

// keyName returns the name of the member for a key of a map, as Python's json module writes it: nil
// is "null", true is "true".
func keyName(key reflect.Value) (string, error) {
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	if text, ok := key.Interface().(encoding.TextMarshaler); ok && (key.Kind() != reflect.Pointer || !key.IsNil()) {
		name, err := text.MarshalText()
		return string(name), err
	}
	switch basic(key.Type()) {
	case formBool:
		return strconv.FormatBool(key.Bool()), nil
	case formInt:
		return strconv.FormatInt(key.Int(), 10), nil
	case formUint:
		return strconv.FormatUint(key.Uint(), 10), nil
	case formFloat:
		var w jsonWriter
		w.Float(key.Float(), key.Type().Bits())
		return string(w.data), nil
	case formAny:
		if key.IsNil() {
			return "null", nil
		}
		return keyName(key.Elem())
	}
	return "", valueErrorf("%s cannot be a key: use a string, number or bool", key.Type())
}

// setKey stores the name of a member in key, a key of a map.
func setKey(key reflect.Value, name string) (err error) {
	if key.Kind() == reflect.String {
		key.SetString(name)
		return nil
	}
	if text, ok := key.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := text.UnmarshalText([]byte(name)); err != nil {
			return valueErrorf("key %.40q does not fit %s: %v", name, key.Type(), err)
		}
		return nil
	}
	switch bits := 0; basic(key.Type()) {
	case formInt:
		var i int64
		bits = key.Type().Bits()
		i, err = strconv.ParseInt(name, 10, bits)
		key.SetInt(i)
	case formUint:
		var u uint64
		bits = key.Type().Bits()
		u, err = strconv.ParseUint(name, 10, bits)
		key.SetUint(u)
	case formFloat:
		var f float64
		f, err = strconv.ParseFloat(name, key.Type().Bits())
		key.SetFloat(f)
	case formBool:
		var b bool
		b, err = strconv.ParseBool(name)
		key.SetBool(b)
	case formAny:
		if key.NumMethod() == 0 {
			key.Set(reflect.ValueOf(name))
			return nil
		}
		fallthrough
	default:
		err = fmt.Errorf("none does")
	}
	if err != nil {
		return valueErrorf("key %.40q does not fit %s", name, key.Type())
	}
	return nil
}
