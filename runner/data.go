package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/service"
)

// A dataFlag is the flag --data: context data.
type dataFlag struct{ words []string }

func (d *dataFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&d.words, "data", nil, "`KEY=VALUE` of the context data, which is passed on with every call, such as user_id=7; may be repeated")
}

// values returns the data. A value that is valid JSON is decoded; any other is a string.
func (d *dataFlag) values() (map[string]any, error) {
	data := map[string]any{}
	for _, word := range d.words {
		key, text, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, usagef("--data %s: must be KEY=VALUE, as in user_id=7", word)
		}
		value, err := decoded([]byte(text))
		if err != nil {
			value = text
		}
		data[key] = value
	}
	return data, nil
}

// context returns a ctx that carries the data.
func (d *dataFlag) context(ctx context.Context) (context.Context, error) {
	data, err := d.values()
	for key, value := range data {
		ctx = service.Key[any](key).With(ctx, value)
	}
	return ctx, err
}

// decoded decodes a JSON text. An integer becomes an int64 unless it is too large.
func decoded(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("there is more than one value")
	}
	return numbers(v), nil
}

// numbers replaces each json.Number in v with a number.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return v
}
