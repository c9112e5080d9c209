package rpc

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/signature"
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
	codec codec.Codec
	data  []byte
}

func (v *value) Decode(to any) error { return v.codec.Decode(v.data, to) }

// readRequest reads the arguments in d. Bad input that Nameko answers gets the same answer. Input that
// Nameko drops, or that ends its process, is answered with MalformedRequest. See docs/wire/nameko.md,
// Errors and Malformed requests.
//
// An argument is decoded when the type of its parameter is known. A codec that is not a [codec.Splitter] decodes the request
// here and encodes each argument again, which codec.Split does.
func readRequest(d *transport.Delivery, codecs codec.Set, limit int) (args signature.Arguments, err error) {
	opened, body, err := codecs.Open(codec.Body{ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Headers: d.Headers, Data: d.Body}, limit)
	if err != nil {
		return args, ErrMalformedRequest.WithText(err.Error())
	}
	c := codec.Split(opened)
	members, err := c.Map(body)
	if err != nil {
		return args, notMapping(c, body)
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
		return args, ErrMalformedRequest.WithText(why)
	}
	list, err := iterate(c, positional)
	if err != nil {
		return args, err
	}
	members, err = c.Map(keyword)
	if err != nil {
		why := "inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(c, keyword)
		return args, ErrIncorrectSignature.WithText(why)
	}
	values := make([]value, len(list)+len(members))
	args.Positional = make([]signature.Value, len(list))
	for i, data := range list {
		values[i] = value{c, data}
		args.Positional[i] = &values[i]
	}
	args.Keyword = make([]signature.Named, len(members))
	for i, m := range members {
		v := &values[len(list)+i]
		*v = value{c, m.Value}
		args.Keyword[i] = signature.Named{Name: m.Name, Value: v}
	}
	return args, nil
}

// notMapping returns the error of a body that is no object: Python's, if it can be decoded all the same. An empty one is
// an empty string to Nameko.
func notMapping(c codec.Splitter, body []byte) error {
	var what any
	if err := c.Decode(body, &what); err != nil && len(body) > 0 {
		return ErrMalformedRequest.WithText("body is " + err.Error())
	}
	switch t := pythonType(c, body); t {
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
func iterate(c codec.Splitter, args []byte) (list [][]byte, err error) {
	var elements []any
	switch t := pythonType(c, args); t {
	case "list":
		return c.List(args)
	case "str":
		var text string
		err = c.Decode(args, &text)
		for _, r := range text {
			elements = append(elements, string(r))
		}
	case "bytes":
		var bytes []byte
		err = c.Decode(args, &bytes)
		for _, b := range bytes {
			elements = append(elements, b)
		}
	case "dict":
		var members []codec.Member
		members, err = c.Map(args)
		for _, m := range members {
			elements = append(elements, m.Name)
		}
	default:
		why := "Value after * must be an iterable, not " + t
		return nil, ErrIncorrectSignature.WithText(why)
	}
	for _, e := range elements {
		data, cannot := c.Encode(e)
		err = errors.Join(err, cannot)
		list = append(list, data)
	}
	return list, err
}

// pythonType names the type that Python makes of data.
func pythonType(c codec.Splitter, data []byte) string {
	switch c.Kind(data) {
	case codec.KindObject:
		return "dict"
	case codec.KindList:
		return "list"
	case codec.KindNull:
		return "NoneType"
	case codec.KindBool:
		return "bool"
	case codec.KindBytes:
		return "bytes"
	case codec.KindNumber:
		var n json.Number
		if err := c.Decode(data, &n); err == nil && strings.ContainsAny(string(n), ".eEN") || strings.HasSuffix(string(n), "y") {
			return "float"
		}
		return "int"
	}
	return "str"
}
