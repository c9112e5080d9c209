package rpc

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A request is the body of a call: see docs/wire/nameko.md, Requests.
type request struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"` // encoded as an object
}

func newRequest(args []any, kwargs any) request {
	if args == nil {
		args = []any{}
	}
	if kwargs == nil {
		kwargs = Kwargs(nil)
	}
	return request{args, kwargs}
}

// A value is an argument as it came.
type value struct {
	codec transport.Codec
	data  []byte
}

func (v *value) Decode(to any) error { return v.codec.Decode(v.data, to) }

// readRequest reads the arguments in d. Bad input that Nameko answers gets the same answer. Input that
// Nameko drops, or that ends its process, is answered with MalformedRequest. See docs/wire/nameko.md,
// Errors and Malformed requests.
func readRequest(d *transport.Delivery, codecs transport.Codecs, limit int) (args service.Arguments, err error) {
	codec, body, err := codecs.Open(d, limit)
	if err != nil {
		return args, ErrMalformedRequest.about(err.Error())
	}
	members, err := codec.Map(body)
	if err != nil {
		return args, notMapping(codec, body)
	}
	var positional, keyword []byte
	for _, m := range members {
		switch m.Name {
		case "args":
			positional = m.Value
		case "kwargs":
			keyword = m.Value
		}
	}
	if positional == nil || keyword == nil {
		const why = "Message missing `args` or `kwargs`"
		return args, ErrMalformedRequest.about(why)
	}
	list, err := iterate(codec, positional)
	if err != nil {
		return args, err
	}
	members, err = codec.Map(keyword)
	if err != nil {
		why := "inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(codec, keyword)
		return args, ErrIncorrectSignature.about(why)
	}
	values := make([]value, len(list)+len(members))
	args.Positional = make([]service.Value, len(list))
	for i, data := range list {
		values[i] = value{codec, data}
		args.Positional[i] = &values[i]
	}
	args.Keyword = make([]service.Named, len(members))
	for i, m := range members {
		v := &values[len(list)+i]
		*v = value{codec, m.Value}
		args.Keyword[i] = service.Named{Name: m.Name, Value: v}
	}
	return args, nil
}

// notMapping returns the error of a body that is no object: Python's, if it can be decoded all the same. An empty one is
// an empty string to Nameko.
func notMapping(codec transport.Codec, body []byte) error {
	var what any
	if err := codec.Decode(body, &what); err != nil && len(body) > 0 {
		return ErrMalformedRequest.about("body is " + err.Error())
	}
	switch t := pythonType(codec, body); t {
	case "list":
		return NewError("builtins.TypeError", "list indices must be integers or slices, not str")
	case "str":
		return NewError("builtins.TypeError", "string indices must be integers, not 'str'")
	case "bytes":
		return NewError("builtins.TypeError", "byte indices must be integers or slices, not str")
	default:
		return NewError("builtins.TypeError", "'"+t+"' object is not subscriptable")
	}
}

// iterate returns the elements of args as Python's * does: of a string its characters, of an object its keys.
func iterate(codec transport.Codec, args []byte) (list [][]byte, err error) {
	var elements []any
	switch t := pythonType(codec, args); t {
	case "list":
		return codec.List(args)
	case "str":
		var text string
		err = codec.Decode(args, &text)
		for _, r := range text {
			elements = append(elements, string(r))
		}
	case "bytes":
		var bytes []byte
		err = codec.Decode(args, &bytes)
		for _, b := range bytes {
			elements = append(elements, b)
		}
	case "dict":
		var members []transport.Member
		members, err = codec.Map(args)
		for _, m := range members {
			elements = append(elements, m.Name)
		}
	default:
		why := "Value after * must be an iterable, not " + t
		return nil, ErrIncorrectSignature.about(why)
	}
	for _, e := range elements {
		data, cannot := codec.Encode(e)
		err = errors.Join(err, cannot)
		list = append(list, data)
	}
	return list, err
}

// pythonType names the type that Python makes of data.
func pythonType(codec transport.Codec, data []byte) string {
	switch codec.Kind(data) {
	case transport.KindObject:
		return "dict"
	case transport.KindList:
		return "list"
	case transport.KindNull:
		return "NoneType"
	case transport.KindBool:
		return "bool"
	case transport.KindBytes:
		return "bytes"
	case transport.KindNumber:
		var n json.Number
		if err := codec.Decode(data, &n); err == nil && strings.ContainsAny(string(n), ".eEN") || strings.HasSuffix(string(n), "y") {
			return "float"
		}
		return "int"
	}
	return "str"
}
