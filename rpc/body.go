package rpc

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A requestBody is the body of a request: see docs/wire/nameko.md, Requests.
type requestBody struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"` // encoded as an object
}

func newRequestBody(args []any, kwargs any) requestBody {
	if args == nil {
		args = []any{}
	}
	if kwargs == nil {
		kwargs = Kwargs(nil)
	}
	return requestBody{args, kwargs}
}

// readRequest reads the arguments in d, and returns the codec that the reply uses too; nil if there is none
// for d. Bad input that Nameko answers gets the same answer. Input that
// Nameko drops, or that ends its process, is answered with MalformedRequest. See docs/wire/nameko.md,
// Errors and Malformed requests.
//
// An argument is decoded when the type of its parameter is known. A codec that is not a [codec.Splitter]
// decodes the request here and encodes each argument again, which codec.Split does.
func readRequest(d *transport.Delivery, codecs codec.Set, limit int) (args signature.Arguments, c codec.Codec, err error) {
	c, body, err := codecs.Open(codec.Body{ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Headers: d.Headers, Data: d.Body}, limit)
	if err != nil {
		return args, nil, ErrMalformedRequest.WithText(err.Error())
	}
	splitter := codec.Split(c)
	members, err := splitter.Map(body)
	if err != nil {
		return args, c, notMapping(splitter, body)
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
		return args, c, ErrMalformedRequest.WithText(why)
	}
	list, err := iterate(splitter, positional)
	if err != nil {
		return args, c, err
	}
	members, err = splitter.Map(keyword)
	if err != nil {
		why := "inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(splitter, keyword)
		return args, c, ErrIncorrectSignature.WithText(why)
	}
	values := make([]codec.Encoded, len(list)+len(members))
	args.Positional = make([]signature.Value, len(list))
	for i, data := range list {
		values[i] = codec.Encoded{Codec: c, Data: data}
		args.Positional[i] = &values[i]
	}
	args.Keyword = make([]signature.Named, len(members))
	for i, m := range members {
		v := &values[len(list)+i]
		*v = codec.Encoded{Codec: c, Data: m.Value}
		args.Keyword[i] = signature.Named{Name: m.Name, Value: v}
	}
	return args, c, nil
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

// A replyBody is the body of a reply. Both keys are always present: see docs/wire/nameko.md, Replies.
type replyBody struct {
	Result any    `json:"result"`
	Error  *Error `json:"error"`
}

// encodeReply returns the body of the reply. It always returns one: an outcome that cannot be encoded is
// replaced by an error that says so.
func encodeReply(c codec.Codec, result any, err error) (body []byte) {
	body, cannot := encode(c, result, err)
	if cannot != nil {
		body = encodeUnserializable(c, result, err, cannot)
	}
	return body
}

// encodeUnserializable returns the body of the reply to a call whose outcome cannot be sent.
func encodeUnserializable(c codec.Codec, result any, err, why error) (body []byte) {
	if err != nil {
		result = err
	}
	body, _ = c.Encode(replyBody{Error: rpcerror.NewUnserializable(result, why)})
	return body
}

// encode encodes the outcome of a call. It runs code of the service, such as MarshalJSON of the result, and
// returns a panic there as an error.
func encode(c codec.Codec, result any, err error) (body []byte, cannot error) {
	defer func() {
		if p := recover(); p != nil {
			cannot = fmt.Errorf("panic: %v", p)
		}
	}()
	if err != nil {
		return c.Encode(replyBody{Error: rpcerror.From(err)})
	}
	return c.Encode(replyBody{Result: result})
}

// readReply stores the result in the pointer result, or returns the error in the reply. c is the codec of
// the request, which the reply uses unless its content type is another.
func readReply(d *transport.Delivery, c codec.Codec, limit int, result any) error {
	codecs := codec.Set{c}
	if codecs.Of(d.ContentType) == nil {
		codecs = transport.Config{Codec: c}.Accepts()
	}
	if codecs.Of(d.ContentType) == nil {
		return fmt.Errorf("reply has content_type %q, want %s", d.ContentType, codecs.String())
	}
	c, body, err := codecs.Open(codec.Body{ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Headers: d.Headers, Data: d.Body}, max(limit, len(d.Body)))
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	members, err := codec.Split(c).Map(body)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	var value []byte
	for _, m := range members {
		switch m.Name {
		case "error":
			failure, err := rpcerror.Decode(c, m.Value)
			if err != nil {
				return fmt.Errorf("reply: error: %w", err)
			}
			if failure != nil {
				return failure
			}
		case "result":
			value = m.Value
		}
	}
	if result == nil {
		return nil
	}
	if value == nil {
		return errors.New("reply has neither result nor error")
	}
	if err := c.Decode(value, result); err != nil {
		return fmt.Errorf("result does not fit %T: %w", result, err)
	}
	return nil
}

// replyCodec returns the codec of the reply to d. It is the request's own; a client that sends another
// format probably reads only that, so an error is written in it if we can. Otherwise it is the first
// accepted codec.
func replyCodec(d *transport.Delivery, codecs codec.Set) codec.Codec {
	if c := codecs.Of(d.ContentType); c != nil {
		return c
	}
	others := codec.Set{codec.JSON, msgpack.Codec, yaml{codec.JSON}, pickle{codec.JSON}}
	return cmp.Or(others.Of(d.ContentType), codecs[0])
}
