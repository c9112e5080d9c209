package rpc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/internal/stub"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// clientKind describes the clients of this package.
var clientKind = stub.Kind{Client: reflect.TypeFor[Client](), Key: "rpc", Example: `rpc:"users"`, Purpose: "to call"}

// Bind returns a typed client: a struct of funcs with a blank field _ [Client]. It calls through
// from, such as a [Caller]. The error has a line for each mistake in C, with the field and what to
// write instead. A service does not need Bind: the struct is one of its fields.
func Bind[C any](from interface{ Client(service string) Client }) (C, error) {
	return stub.Bind[C](clientKind, func(service string, client reflect.Value) error {
		_, err := from.Client(service).bind(client)
		return err
	})
}

// bind fills the funcs of a typed client that are nil, and checks all of them. It returns those
// that it filled.
func (c Client) bind(client reflect.Value) ([]*boundFunc, error) {
	taken := map[string]string{}
	return stub.Fill(clientKind, client, func(f reflect.StructField, tag service.Tag) (*boundFunc, error) {
		fn, err := newFunc(c, f, tag)
		if err == nil && taken[fn.method] != "" {
			err = fmt.Errorf("%[2]s already calls %[1]s: remove one of them", fn.method, taken[fn.method])
		}
		if err == nil {
			taken[fn.method] = f.Name
		}
		return fn, err
	})
}

// A boundFunc is a func of a typed client: the method that it calls, and how it sends each
// argument.
type boundFunc struct {
	field  string
	client Client
	method string
	result reflect.Type // nil: the func returns error alone, or a stream
	stream reflect.Type // the iterator that the func returns; nil if it returns none
	params stub.Params  // after ctx
	upload int          // the index of a parameter that is an iterator; 0 if there is none
	items  reflect.Type // the type of its items
}

// placeholder is sent in place of an argument whose items are sent one by one.
var placeholder = reflect.ValueOf(map[string]any{argumentMember: true})

func newFunc(c Client, f reflect.StructField, tag service.Tag) (*boundFunc, error) {
	spec := tag.Get("rpc")
	sig, err := readSignature(c.service, spec)
	if err = errors.Join(tag.Keys("rpc"), shape(f.Type), err); err != nil {
		return nil, err
	}
	s := &boundFunc{field: f.Name, client: c, method: sig.Name}
	switch {
	case f.Type.NumOut() == 2:
		s.result = f.Type.Out(0)
	case sequence.Item(f.Type.Out(0)) != nil:
		s.stream = f.Type.Out(0)
	}
	types := make([]reflect.Type, 0, f.Type.NumIn()-1)
	for i := 1; i < f.Type.NumIn(); i++ {
		t := f.Type.In(i)
		if item := sequence.Item(t); item != nil {
			switch {
			case s.stream != nil:
				return nil, errors.New("takes an iterator and returns one: a func has at most one: use a slice for the other")
			case s.upload > 0:
				return nil, errors.New("takes two iterators: a func has at most one: use a slice for the other")
			}
			s.upload, s.items, t = i, item, placeholder.Type()
		}
		types = append(types, t)
	}
	s.params, err = stub.NewParams(sig, spec, f.Type, types)
	return s, errors.Join(err, s.checkTypes())
}

// checkTypes returns an error for each parameter that can never be encoded, and one for a result
// that can never be decoded.
func (s *boundFunc) checkTypes() error {
	if s.client.caller == nil {
		return nil
	}
	codecs := codec.Set{s.client.caller.codec}
	err := s.params.Check(codecs)
	if s.result != nil {
		err = errors.Join(err, codecs.CheckDecode("result", "", s.result))
	}
	if s.items != nil {
		err = errors.Join(err, codecs.CheckEncode("parameter", "", s.items))
	}
	if s.stream != nil {
		err = errors.Join(err, codecs.CheckDecode("result", "", sequence.Item(s.stream)))
	}
	return err
}

// readSignature reads the tag of a func.
func readSignature(of, spec string) (*signature.Signature, error) {
	if spec == "" {
		return nil, errors.New(`the tag must name the method to call, as in rpc:"get_user"`)
	}
	if err := oneWord(of, spec); err != nil {
		return nil, err
	}
	return signature.Parse(spec)
}

// shape checks the first parameter and the results of a func. The error says how to write the func.
func shape(t reflect.Type) error {
	in, out := make([]string, t.NumIn()), make([]string, t.NumOut())
	for i := range in {
		in[i] = t.In(i).String()
	}
	if t.IsVariadic() {
		in[len(in)-1] = "..." + t.In(len(in)-1).Elem().String()
	}
	for i := range out {
		out[i] = t.Out(i).String()
	}
	var why string
	if !stub.TakesContext(t) {
		in = append([]string{"context.Context"}, slices.DeleteFunc(in, func(p string) bool { return p == "context.Context" })...)
		why = "its first parameter is not context.Context"
	}
	if len(out) > 0 && sequence.Looks(t.Out(0)) {
		if sequence.Item(t.Out(0)) == nil || len(out) > 1 {
			why, out = "a stream is an iterator that yields errors, and nothing else", []string{"iter.Seq2[T, error]"}
		}
	} else if !stub.ReturnsError(t) {
		out = slices.DeleteFunc(out, func(r string) bool { return r == "error" })
		out = append(out[:min(len(out), 1)], "error")
		why = "it does not return (T, error) or error"
	}
	if why == "" {
		return nil
	}
	results := strings.Join(out, ", ")
	if len(out) > 1 {
		results = "(" + results + ")"
	}
	return fmt.Errorf("%s: write func(%s) %s", why, strings.Join(in, ", "), results)
}

// Call makes the call. It is the implementation of the func.
func (s *boundFunc) Call(in []reflect.Value) []reflect.Value {
	var items any
	if s.upload > 0 {
		items = in[s.upload].Interface()
		in = slices.Clone(in)
		in[s.upload] = placeholder
	}
	ctx, body := stub.Context(in), s.request(in[1:])
	if s.stream != nil {
		return []reflect.Value{sequence.Make(s.stream, s.client.streamOf(ctx, s.method, sequence.Item(s.stream), body))}
	}
	call := func(result any) error {
		if items != nil {
			return s.client.upload(ctx, s.method, result, body, items)
		}
		return s.client.call(ctx, s.method, result, body, "")
	}
	if s.result == nil {
		return []reflect.Value{stub.Error(call(nil))}
	}
	result := reflect.New(s.result)
	err := call(result.Interface())
	if err != nil {
		result.Elem().SetZero()
	}
	return []reflect.Value{result.Elem(), stub.Error(err)}
}

// request returns the body of a call with these arguments.
func (s *boundFunc) request(in []reflect.Value) requestBody {
	args, pairs, object := s.params.Arguments(in)
	if object != nil {
		return requestBody{Args: []any{}, Kwargs: object}
	}
	return newRequestBody(args, Kwargs(pairs))
}
