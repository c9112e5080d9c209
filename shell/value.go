package shell

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// encode returns a value as JSON, with the keys of dicts in their order, as Python's json module
// does.
func encode(v starlark.Value) (json.RawMessage, error) {
	return appendJSON(nil, v, 0)
}

// maxNesting limits nesting: a list can contain itself.
const maxNesting = 1000

func appendJSON(out []byte, v starlark.Value, depth int) ([]byte, error) {
	if depth > maxNesting {
		return nil, errors.New("a value that contains itself cannot be sent")
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return append(out, "null"...), nil
	case starlark.Bool:
		return strconv.AppendBool(out, bool(v)), nil
	case starlark.Int:
		return append(out, v.String()...), nil
	case starlark.Float:
		if math.IsInf(float64(v), 0) || math.IsNaN(float64(v)) {
			return nil, fmt.Errorf("%s cannot be sent: JSON has no such number", repr(v))
		}
		return append(out, float(float64(v))...), nil
	case starlark.String:
		text, err := json.Marshal(string(v))
		return append(out, text...), err
	case *starlark.Dict:
		return appendObject(out, v, depth)
	case *starlark.List:
		return appendArray(out, v, depth)
	case starlark.Tuple:
		return appendArray(out, v, depth)
	case *starlark.Set:
		return nil, errors.New("a set cannot be sent; make it a list: list(…)")
	}
	return nil, fmt.Errorf("a %s cannot be sent; strings, numbers, bools, None, lists and dicts can", v.Type())
}

func appendArray(out []byte, v starlark.Iterable, depth int) ([]byte, error) {
	var err error
	out = append(out, '[')
	first := true
	for item := range starlark.Elements(v) {
		if !first {
			out = append(out, ',')
		}
		first = false
		if out, err = appendJSON(out, item, depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendObject writes keys that are not strings as Python does: 1 is "1", True is "true".
func appendObject(out []byte, v *starlark.Dict, depth int) ([]byte, error) {
	out = append(out, '{')
	for i, item := range v.Items() {
		if i > 0 {
			out = append(out, ',')
		}
		key := item[0]
		switch key.(type) {
		case starlark.String, starlark.Int, starlark.Float, starlark.Bool, starlark.NoneType:
		default:
			return nil, fmt.Errorf("a dict with the key %s cannot be sent: keys are strings or numbers", repr(key))
		}
		name, err := appendJSON(nil, key, depth+1)
		if err != nil {
			return nil, err
		}
		if _, ok := key.(starlark.String); !ok {
			name = strconv.AppendQuote(nil, string(name))
		}
		out = append(append(out, name...), ':')
		if out, err = appendJSON(out, item[1], depth+1); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// decode returns the value of JSON text, with the keys of dicts in their order and ints of any
// size.
func decode(data []byte) (starlark.Value, error) {
	if len(data) == 0 {
		return starlark.None, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return decodeNext(d)
}

func decodeNext(d *json.Decoder) (starlark.Value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return decodeList(d)
		}
		return decodeDict(d)
	case json.Number:
		return number(token.String())
	case string:
		return starlark.String(token), nil
	case bool:
		return starlark.Bool(token), nil
	}
	return starlark.None, nil
}

func decodeList(d *json.Decoder) (starlark.Value, error) {
	var items []starlark.Value
	for d.More() {
		item, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.Token()
	return starlark.NewList(items), err
}

func decodeDict(d *json.Decoder) (starlark.Value, error) {
	dict := new(starlark.Dict)
	for d.More() {
		name, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		value, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		if err := dict.SetKey(name, value); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return dict, err
}

func number(text string) (starlark.Value, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, err
		}
		return starlark.Float(f), nil
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	return starlark.MakeBigInt(n), nil
}

// configured converts a value of a configuration file.
func configured(v any) starlark.Value {
	switch v := v.(type) {
	case nil:
		return starlark.None
	case bool:
		return starlark.Bool(v)
	case int:
		return starlark.MakeInt(v)
	case int64:
		return starlark.MakeInt64(v)
	case uint64:
		return starlark.MakeUint64(v)
	case float64:
		return starlark.Float(v)
	case time.Time:
		return starlark.String(v.Format(time.RFC3339))
	case []any:
		items := make([]starlark.Value, len(v))
		for i, item := range v {
			items[i] = configured(item)
		}
		return starlark.NewList(items)
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		dict := starlark.NewDict(len(v))
		for _, name := range names {
			_ = dict.SetKey(starlark.String(name), configured(v[name])) // it fails only for unhashable keys
		}
		return dict
	}
	return starlark.String(fmt.Sprint(v))
}
