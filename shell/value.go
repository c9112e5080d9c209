package shell

import (
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

	"github.com/gomeko/gomeko/codec"
)

// encode returns a value as JSON. Like Python's json module, it keeps the order of dict keys.
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
		text, err := codec.JSON.Encode(float64(v))
		return append(out, text...), err
	case starlark.String:
		text, err := json.Marshal(string(v))
		return append(out, text...), err
	case *starlark.Dict:
		return appendObject(out, v, depth)
	case *starlark.List:
		return appendArray(out, v, depth)
	case table:
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

// appendObject converts keys that are not strings as Python does: 1 is "1", True is "true".
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

// decode decodes JSON text as Python's json module does: it keeps the order of keys and accepts
// ints of any size, NaN and the infinities.
func decode(data []byte) (starlark.Value, error) {
	if len(data) == 0 {
		return starlark.None, nil
	}
	r := codec.NewJSONReader()
	r.Reset(data)
	v, err := decodeNext(r, 0)
	if err == nil {
		err = r.End()
	}
	return v, err
}

func decodeNext(r codec.Reader, depth int) (starlark.Value, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d", maxNesting)
	}
	kind, err := r.Kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case codec.KindList:
		return decodeList(r, depth)
	case codec.KindObject:
		return decodeDict(r, depth)
	case codec.KindNumber:
		n, err := r.Number()
		if err != nil {
			return nil, err
		}
		return number(n.String())
	case codec.KindString:
		text, err := r.Text()
		return starlark.String(codec.ValidText(string(text))), err
	case codec.KindBool:
		b, err := r.Bool()
		return starlark.Bool(b), err
	}
	return starlark.None, r.Null()
}

func decodeList(r codec.Reader, depth int) (starlark.Value, error) {
	var items []starlark.Value
	_, err := r.Open(codec.KindList)
	for err == nil {
		var more bool
		if more, err = r.Next(codec.KindList, len(items)); err != nil || !more {
			break
		}
		var item starlark.Value
		item, err = decodeNext(r, depth+1)
		items = append(items, item)
	}
	if err != nil {
		return nil, err
	}
	return starlark.NewList(items), nil
}

func decodeDict(r codec.Reader, depth int) (starlark.Value, error) {
	dict := new(starlark.Dict)
	_, err := r.Open(codec.KindObject)
	for i := 0; err == nil; i++ {
		var more bool
		if more, err = r.Next(codec.KindObject, i); err != nil || !more {
			break
		}
		var name []byte
		if name, err = r.Key(); err != nil {
			break
		}
		key := starlark.String(codec.ValidText(string(name)))
		var value starlark.Value
		if value, err = decodeNext(r, depth+1); err == nil {
			err = dict.SetKey(key, value)
		}
	}
	if err != nil {
		return nil, err
	}
	return dict, nil
}

func number(text string) (starlark.Value, error) {
	if strings.ContainsAny(text, ".eEN") || strings.HasSuffix(text, "y") { // as in NaN and Infinity
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
			_ = dict.SetKey(starlark.String(name), configured(v[name])) // fails only for unhashable keys
		}
		return dict
	}
	return starlark.String(fmt.Sprint(v))
}
