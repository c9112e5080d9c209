package shell

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.starlark.net/starlark"

	gomeko "github.com/gomeko/gomeko/service"
)

// newData returns n.data with the shell's initial data.
func newData(given map[string]any) *starlark.Dict {
	data := new(starlark.Dict)
	for _, key := range slices.Sorted(maps.Keys(given)) {
		_ = data.SetKey(starlark.String(key), configured(given[key])) // the dict is not frozen
	}
	return data
}

// withData returns a ctx that carries n.data.
func (s *Shell) withData(ctx context.Context) (context.Context, error) {
	for _, item := range s.data.Items() {
		key, ok := item[0].(starlark.String)
		if !ok {
			return nil, fmt.Errorf("n.data: the key %s must be a string", repr(item[0]))
		}
		value, err := plain(item[1])
		if err != nil {
			return nil, fmt.Errorf("n.data[%s]: %w", repr(key), err)
		}
		ctx = gomeko.Key[any](key).With(ctx, value)
	}
	return ctx, nil
}

// plain converts a value to context data.
func plain(v starlark.Value) (any, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Float:
		return float64(v), nil
	case starlark.Int:
		n, ok := v.Int64()
		if !ok {
			return nil, fmt.Errorf("%s is too large for a header", v)
		}
		return n, nil
	}
	text, err := encode(v)
	if err != nil {
		return nil, err
	}
	var value any
	err = json.Unmarshal(text, &value)
	return value, err
}
