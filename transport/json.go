package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// JSON is the codec of application/json; utf-8, Nameko's default.
var JSON Codec = new(jsonCodec)

type jsonCodec struct{ shapes shapes }

func (*jsonCodec) ContentType() string     { return "application/json" }
func (*jsonCodec) ContentEncoding() string { return "utf-8" }

func (c *jsonCodec) Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	f := fitter{shapes: &c.shapes, data: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
	_, err := f.written(0, reflect.ValueOf(v))
	return f.fitted(), err
}

func (c *jsonCodec) Decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	if bytes.Contains(data, []byte("null")) { // of which encoding/json does not complain
		var err error
		if data, err = c.fit(data, v); err != nil {
			return err
		}
	}
	err := unmarshal(data, v)
	var misfit *json.UnmarshalTypeError
	if errors.As(err, &misfit) && strings.HasPrefix(misfit.Value, "number") {
		if data, err = c.fit(data, v); err == nil {
			err = unmarshal(data, v)
		}
	}
	return teach(err)
}

// fit puts data right that is valid, for the pointer v.
func (c *jsonCodec) fit(data []byte, v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer || !json.Valid(data) {
		return data, nil // encoding/json reports it
	}
	f := fitter{shapes: &c.shapes, data: data}
	if _, err := f.read(space(data, 0), t.Elem()); err != nil {
		return nil, err
	}
	return f.fitted(), nil
}

func (*jsonCodec) List(data []byte) ([][]byte, error) {
	i, err := opening(data, '[', "a list")
	if err != nil {
		return nil, err
	}
	list := [][]byte{}
	_, err = members(data, i, func(_ string, _, i int) (int, error) {
		end := skip(data, i)
		list = append(list, data[i:end])
		return end, nil
	})
	return list, err
}

func (*jsonCodec) Map(data []byte) ([]Member, error) {
	i, err := opening(data, '{', "an object")
	if err != nil {
		return nil, err
	}
	list := []Member{}
	known := map[string]int{}
	_, err = members(data, i, func(name string, _, i int) (int, error) {
		end := skip(data, i)
		at, ok := known[name]
		if !ok {
			at = len(list)
			known[name] = at
			list = append(list, Member{Name: name})
		}
		list[at].Value = data[i:end] // the last one counts, as in Python
		return end, nil
	})
	return list, err
}

// unmarshal is json.Unmarshal with json.Number in place of float64.
func unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return fmt.Errorf("not valid JSON: %.20q after the value", rest)
	}
	return nil
}

// teach puts the errors of encoding/json into words for whoever sent the data.
func teach(err error) error {
	var misfit *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &misfit):
		where := misfit.Field
		if where != "" {
			where += ": "
		}
		return fmt.Errorf("%s%s does not fit %s", where, article(misfit.Value), misfit.Type)
	case errors.As(err, &syntax):
		return fmt.Errorf("not valid JSON: %w at byte %d", syntax, syntax.Offset)
	case err == io.EOF:
		return errors.New("not valid JSON: empty")
	case err == io.ErrUnexpectedEOF:
		return errors.New("not valid JSON: it ends before the value does")
	}
	return err
}

func article(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool", "string":
		return "a " + value
	}
	return value // "number 2.5"
}

// opening returns the index of the byte that opens the list or the object.
func opening(data []byte, open byte, want string) (int, error) {
	if !utf8.Valid(data) {
		return 0, errors.New("not valid UTF-8")
	}
	var valid json.RawMessage
	if err := unmarshal(data, &valid); err != nil {
		return 0, teach(err)
	}
	i := space(data, 0)
	if data[i] != open {
		return 0, fmt.Errorf("%s where %s should be", kind(data[i]), want)
	}
	return i, nil
}

// kind names the JSON value that starts with b.
func kind(b byte) string {
	switch b {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "null"
	}
	return "a number"
}
