package rpc

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A request is the body of a call (SPEC §2.2).
type request struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"` // encoded as an object
}

func newRequest(args []any, kwargs Kwargs) request {
	if args == nil {
		args = []any{}
	}
	return request{args, kwargs}
}

// A value is an argument as it came.
type value []byte

func (v value) Decode(to any) error { return transport.JSON.Decode(v, to) }

// readRequest reads the arguments in d. What Nameko answers to bad input is answered in its words;
// what it swallows or dies of is a MalformedRequest (SPEC §2.7, §2.8).
func readRequest(d *transport.Delivery, limit int) (args service.Arguments, err error) {
	if why := unreadable(d, limit); why != "" {
		return args, ErrMalformedRequest.about(why)
	}
	members, err := transport.JSON.Map(d.Body)
	if err != nil {
		return args, notMapping(d.Body)
	}
	var positional, keyword []byte
	for _, m := range members { // of two with the same name the later counts, as in Python
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
	if args.Positional, err = iterate(positional); err != nil {
		return args, err
	}
	members, err = transport.JSON.Map(keyword)
	if err != nil {
		why := "inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(keyword)
		return args, ErrIncorrectSignature.about(why)
	}
	for _, m := range members {
		args.Keyword = append(args.Keyword, service.Named{Name: m.Name, Value: value(m.Value)})
	}
	return args, nil
}

// unreadable says why the body cannot be decoded at all, "" if it can.
func unreadable(d *transport.Delivery, limit int) string {
	if len(d.Body) > limit {
		return fmt.Sprintf("body of %d bytes is over max_message, %d", len(d.Body), limit)
	}
	if compression := d.Headers["compression"]; compression != nil && compression != "" {
		return fmt.Sprintf("compression %q is not supported: send the body as it is", fmt.Sprint(compression))
	}
	if d.ContentType != "" && d.ContentType != transport.JSON.ContentType() {
		return fmt.Sprintf("content_type %q is not accepted: send %s", d.ContentType, transport.JSON.ContentType())
	}
	switch strings.ToLower(d.ContentEncoding) {
	case "", "utf-8", "utf8":
	default:
		return fmt.Sprintf("content_encoding %q is not accepted: send utf-8", d.ContentEncoding)
	}
	if !utf8.Valid(d.Body) {
		return "body is not valid UTF-8"
	}
	return ""
}

// notMapping returns the error of a body that is no JSON object: Python's, if it is JSON all the same.
func notMapping(body []byte) error {
	var what any
	if err := transport.JSON.Decode(body, &what); err != nil && len(body) > 0 {
		why := fmt.Sprintf("body is not JSON: %v", err)
		return ErrMalformedRequest.about(why)
	}
	switch t := pythonType(body); t {
	case "list":
		return NewError("builtins.TypeError", "list indices must be integers or slices, not str")
	case "str":
		return NewError("builtins.TypeError", "string indices must be integers, not 'str'")
	default:
		return NewError("builtins.TypeError", "'"+t+"' object is not subscriptable")
	}
}

// iterate returns the elements of args as Python's * does: of a string its characters, of an object its keys.
func iterate(args []byte) ([]service.Value, error) {
	var elements [][]byte
	switch t := pythonType(args); t {
	case "list":
		list, err := transport.JSON.List(args)
		if err != nil {
			return nil, err
		}
		elements = list
	case "str":
		var text string
		if err := transport.JSON.Decode(args, &text); err != nil {
			return nil, err
		}
		for _, r := range text {
			elements = append(elements, encoded(string(r)))
		}
	case "dict":
		members, err := transport.JSON.Map(args)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			elements = append(elements, encoded(m.Name))
		}
	default:
		why := "Value after * must be an iterable, not " + t
		return nil, ErrIncorrectSignature.about(why)
	}
	values := make([]service.Value, len(elements))
	for i, e := range elements {
		values[i] = value(e)
	}
	return values, nil
}

func encoded(text string) []byte {
	data, err := transport.JSON.Encode(text)
	if err != nil {
		panic(err) // a string can be encoded
	}
	return data
}

// pythonType names the type that Python's decoder makes of JSON. An empty body is an empty string to Nameko.
func pythonType(data []byte) string {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 {
		return "str"
	}
	switch data[0] {
	case '{':
		return "dict"
	case '[':
		return "list"
	case '"':
		return "str"
	case 'n':
		return "NoneType"
	case 't', 'f':
		return "bool"
	}
	if bytes.ContainsAny(data, ".eE") {
		return "float"
	}
	return "int"
}
