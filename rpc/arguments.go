package rpc

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// Read reads the arguments. It implements [service.Input].
func (r *request) Read(ctx context.Context) (signature.Arguments, service.Body, error) {
	s := r.consumer.all.server
	conn, a := s.shared.conn, new(arguments)
	a.Reset(ctx, conn.MaxDecoded())
	args, err := a.read(r.Delivery, conn.Accepts(), conn.MaxMessage(), r.row.takes)
	if err == nil && r.row.uploads {
		args = r.withStreams(args)
	}
	if err == nil {
		return args, a, nil
	}
	a.Close()
	if ctx.Err() == nil {
		s.logBad(r.Delivery, r.row, err)
	}
	return args, nil, err
}

// arguments holds the encoded arguments of a request, in one allocation if there are few. It is
// closed once all of them are decoded.
type arguments struct {
	codec.Budget
	values     [4]codec.Encoded
	positional [4]signature.Value
}

// read reads the arguments in d; takes is the number of arguments that the method takes by
// position. Bad input that Nameko answers gets the same answer. Input that Nameko drops, or that
// crashes its process, is answered with MalformedRequest. See docs/wire/nameko.md, Errors and
// Malformed requests.
//
// An argument is decoded when the type of its parameter is known. If the codec is not a
// [codec.Splitter], codec.Split decodes the whole request here and encodes each argument again.
func (a *arguments) read(d *transport.Delivery, codecs codec.Set, limit, takes int) (args signature.Arguments, err error) {
	c, body, err := codecs.Open(d.Encoded(), limit, &a.Budget)
	if err != nil {
		return args, unreadable(err)
	}
	splitter := codec.Split(c)
	members, err := a.Map(splitter, body)
	if err != nil {
		return args, a.notMapping(splitter, body, err)
	}
	positional, keyword := member(members, "args"), member(members, "kwargs")
	if positional == nil || keyword == nil {
		const why = "Message missing `args` or `kwargs`"
		return args, ErrMalformedRequest.WithText(why)
	}
	list, n, err := a.List(splitter, positional, takes)
	if err != nil {
		list, n, err = a.iterate(splitter, positional, takes, err)
	}
	if err != nil {
		return args, err
	}
	members, err = a.Map(splitter, keyword)
	if err != nil {
		return args, notKeywords(splitter, keyword, err)
	}
	values, into := a.values[:0], a.positional[:0]
	if all := len(list) + len(members); all > len(a.values) {
		if err := a.Charge(all * int(unsafe.Sizeof(a.values[0])+unsafe.Sizeof(signature.Named{}))); err != nil {
			return args, unreadable(err)
		}
		values, into = make([]codec.Encoded, 0, all), make([]signature.Value, 0, len(list))
	}
	for _, data := range list {
		values = append(values, codec.Encoded{Codec: c, Data: data, Budget: &a.Budget})
		into = append(into, &values[len(values)-1])
	}
	args = signature.Arguments{Positional: into, More: n - len(list), Keyword: make([]signature.Named, len(members))}
	for i, m := range members {
		values = append(values, codec.Encoded{Codec: c, Data: m.Value, Budget: &a.Budget})
		args.Keyword[i] = signature.Named{Name: m.Name, Value: &values[len(values)-1]}
	}
	return args, nil
}

// member returns the value of the member called name, or nil.
func member(members []codec.Member, name string) []byte {
	for _, m := range members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// unreadable returns the error for a body that cannot be read.
func unreadable(err error) error {
	if codec.Unread(err) {
		return ErrMalformedRequest.WithText("body " + err.Error())
	}
	return ErrMalformedRequest.WithText(err.Error())
}

// notMapping returns the error for a body that is not an object. If the body can be decoded at all,
// it is the error that Python raises. Nameko reads an empty body as an empty string. err says why
// the body cannot be read as an object.
func (a *arguments) notMapping(c codec.Splitter, body []byte, err error) error {
	var what any
	if !codec.Unread(err) && len(body) > 0 {
		err = a.Decode(c, body, &what)
	}
	switch {
	case codec.Unread(err):
		return unreadable(err)
	case err != nil && len(body) > 0:
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

// notKeywords returns the error for kwargs that cannot be read as an object because of err.
func notKeywords(c codec.Splitter, kwargs []byte, err error) error {
	if codec.Unread(err) {
		return unreadable(err)
	}
	return ErrIncorrectSignature.WithText("inspect.getcallargs() argument after ** must be a mapping, not " + pythonType(c, kwargs))
}

// iterate returns the elements of args as Python's * does: the characters of a string, the keys of
// an object. It returns at most limit elements, and how many there are in total. err says why args
// cannot be read as a list.
func (a *arguments) iterate(c codec.Splitter, args []byte, limit int, err error) (list [][]byte, n int, _ error) {
	if codec.Unread(err) {
		return nil, 0, unreadable(err)
	}
	var elements iter.Seq[any]
	switch t := pythonType(c, args); t {
	case "list":
		return nil, 0, unreadable(err)
	case "str":
		var text string
		err = a.Decode(c, args, &text)
		n, elements = utf8.RuneCountInString(text), characters(text)
	case "bytes":
		var bytes []byte
		err = a.Decode(c, args, &bytes)
		n, elements = len(bytes), numbers(bytes)
	case "dict":
		var members []codec.Member
		members, err = a.Map(c, args)
		n, elements = len(members), names(members)
	default:
		return nil, 0, ErrIncorrectSignature.WithText("Value after * must be an iterable, not " + t)
	}
	if err != nil {
		return nil, 0, unreadable(err)
	}
	if err := a.Charge(min(n, limit) * 100); err != nil { // bytes of an encoded element
		return nil, 0, unreadable(err)
	}
	for e := range elements {
		if len(list) >= limit {
			break
		}
		data, err := c.Encode(e)
		if err != nil {
			return nil, 0, unreadable(err)
		}
		list = append(list, data)
	}
	return list, n, nil
}

func characters(text string) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, r := range text {
			if !yield(string(r)) {
				return
			}
		}
	}
}

func numbers(bytes []byte) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, b := range bytes {
			if !yield(b) {
				return
			}
		}
	}
}

func names(members []codec.Member) iter.Seq[any] {
	return func(yield func(any) bool) {
		for _, m := range members {
			if !yield(m.Name) {
				return
			}
		}
	}
}

// pythonType returns the name of the type that Python decodes data to.
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
