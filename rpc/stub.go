package rpc

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/stub"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

var (
	clientType  = reflect.TypeFor[Client]()
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// Bind returns a typed client: a struct of funcs with a blank field _ [Client], which calls through
// from, such as a [Caller]. The error has a line for each mistake in C, with the field and what to
// write instead. A service does not need Bind: it has the struct as a field.
func Bind[C any](from interface{ Client(service string) Client }) (C, error) {
	var client, none C
	v := reflect.ValueOf(&client).Elem()
	if v.Kind() != reflect.Struct {
		return none, fmt.Errorf("%s must be a struct of funcs", v.Type())
	}
	marker, ok := markerOf(v.Type())
	if !ok {
		return none, fmt.Errorf("%s does not name its service: add a field _ rpc.Client `rpc:\"users\"`", v.Type())
	}
	tag, err := service.ParseTag(string(marker.Tag))
	if err == nil {
		var name string
		name, err = serviceOf(tag)
		_, bindErr := from.Client(name).bind(v)
		err = errors.Join(err, bindErr)
	}
	if err != nil {
		return none, stub.Prefixed(v.Type().String(), err)
	}
	return client, nil
}

// markerOf returns the blank Client that makes a struct a typed client.
func markerOf(t reflect.Type) (f reflect.StructField, ok bool) {
	for i := range t.NumField() {
		if f = t.Field(i); f.Name == "_" && f.Type == clientType {
			return f, true
		}
	}
	return f, false
}

// bind fills the funcs of a typed client that are nil, and checks all of them. It returns
// those that it has filled.
func (c Client) bind(v reflect.Value) (filled []*boundFunc, _ error) {
	var mistakes []error
	marker, _ := markerOf(v.Type())
	taken := map[string]string{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if slices.Equal(f.Index, marker.Index) {
			continue
		}
		s, err := newFunc(c, f)
		if err == nil && taken[s.method] != "" {
			err = fmt.Errorf("%[2]s already calls %[1]s: remove one of them", s.method, taken[s.method])
		}
		if err != nil {
			mistakes = append(mistakes, stub.Prefixed(f.Name, err))
			continue
		}
		taken[s.method] = f.Name
		if v.Field(i).IsNil() {
			v.Field(i).Set(reflect.MakeFunc(f.Type, s.call))
			filled = append(filled, s)
		}
	}
	return filled, errors.Join(mistakes...)
}

// A boundFunc is a func of a typed client: the method that it calls, and how it sends each argument.
type boundFunc struct {
	field  string
	client Client
	method string
	result reflect.Type // nil: the func returns error alone
	params stub.Params  // after ctx
}

func newFunc(c Client, f reflect.StructField) (*boundFunc, error) {
	tag, err := service.ParseTag(string(f.Tag))
	switch {
	case err != nil:
		return nil, err
	case f.Type.Kind() != reflect.Func:
		return nil, fmt.Errorf("is %s: the fields of a typed client must be funcs, except for one blank rpc.Client", f.Type)
	case !token.IsExported(f.Name):
		return nil, errors.New("is not exported and cannot be set: start its name with a capital letter")
	}
	spec := tag.Get("rpc")
	sig, err := readSignature(c.service, spec)
	if err = errors.Join(tag.Keys("rpc"), shape(f.Type), err); err != nil {
		return nil, err
	}
	s := &boundFunc{field: f.Name, client: c, method: sig.Name}
	if f.Type.NumOut() == 2 {
		s.result = f.Type.Out(0)
	}
	types := make([]reflect.Type, 0, f.Type.NumIn()-1)
	for i := 1; i < f.Type.NumIn(); i++ {
		types = append(types, f.Type.In(i))
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
	if len(in) == 0 || t.In(0) != contextType {
		in = append([]string{contextType.String()}, slices.DeleteFunc(in, func(p string) bool { return p == contextType.String() })...)
		why = "its first parameter is not context.Context"
	}
	if len(out) == 0 || len(out) > 2 || t.Out(len(out)-1) != errorType {
		out = slices.DeleteFunc(out, func(r string) bool { return r == errorType.String() })
		out = append(out[:min(len(out), 1)], errorType.String())
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

// call makes the call. It is the implementation of the func.
func (s *boundFunc) call(in []reflect.Value) []reflect.Value {
	ctx, _ := in[0].Interface().(context.Context)
	body := s.request(in[1:])
	if s.result == nil {
		return []reflect.Value{errorValue(s.client.call(ctx, s.method, nil, body, ""))}
	}
	result := reflect.New(s.result)
	err := s.client.call(ctx, s.method, result.Interface(), body, "")
	if err != nil {
		result.Elem().SetZero()
	}
	return []reflect.Value{result.Elem(), errorValue(err)}
}

// request returns the body of a call with these arguments.
func (s *boundFunc) request(in []reflect.Value) requestBody {
	args, pairs, object := s.params.Arguments(in)
	if object != nil {
		return requestBody{Args: []any{}, Kwargs: object}
	}
	return newRequestBody(args, Kwargs(pairs))
}

func errorValue(err error) reflect.Value {
	v := reflect.New(errorType).Elem()
	if err != nil {
		v.Set(reflect.ValueOf(err))
	}
	return v
}
