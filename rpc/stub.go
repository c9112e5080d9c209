package rpc

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
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
		return none, prefixed(v.Type().String(), err)
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

// bind fills the funcs of a typed client that are nil, and checks all of them. It returns the stubs
// of those that it has filled.
func (c Client) bind(v reflect.Value) (filled []*stub, _ error) {
	var mistakes []error
	marker, _ := markerOf(v.Type())
	taken := map[string]string{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if slices.Equal(f.Index, marker.Index) {
			continue
		}
		s, err := newStub(c, f)
		if err == nil && taken[s.method] != "" {
			err = fmt.Errorf("%[2]s already calls %[1]s: remove one of them", s.method, taken[s.method])
		}
		if err != nil {
			mistakes = append(mistakes, prefixed(f.Name, err))
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

// prefixed adds where to err, or to each error if err is one of errors.Join.
func prefixed(where string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return fmt.Errorf("%s: %w", where, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, prefixed(where, e))
	}
	return errors.Join(all...)
}

// A stub is a func of a typed client: the method that it calls, and how it sends each argument.
type stub struct {
	field  string
	client Client
	method string
	result reflect.Type      // nil: the func returns error alone
	params []signature.Param // after ctx
	fields bool              // the only parameter is a struct whose fields are sent as keywords
}

func newStub(c Client, f reflect.StructField) (*stub, error) {
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
	s := &stub{field: f.Name, client: c, method: sig.Name, params: sig.Params}
	if f.Type.NumOut() == 2 {
		s.result = f.Type.Out(0)
	}
	types := make([]reflect.Type, 0, f.Type.NumIn()-1)
	for i := 1; i < f.Type.NumIn(); i++ {
		types = append(types, f.Type.In(i))
	}
	if strings.Contains(spec, "(") {
		return s, errors.Join(fits(sig, f.Type, types), s.checkTypes(types))
	}
	s.params = make([]signature.Param, len(types))
	if f.Type.IsVariadic() {
		s.params[len(types)-1].Kind = signature.Rest
	}
	s.fields = len(types) == 1 && plainStruct(types[0])
	return s, s.checkTypes(types)
}

// checkTypes returns an error for each parameter that can never be encoded, and one for a result
// that can never be decoded.
func (s *stub) checkTypes(types []reflect.Type) error {
	if s.client.caller == nil {
		return nil
	}
	codecs := codec.Set{s.client.caller.codec}
	var mistakes []error
	for i, t := range types {
		name := ""
		if i < len(s.params) {
			name = s.params[i].Name
		}
		mistakes = append(mistakes, codecs.CheckEncode("parameter", name, t))
	}
	if s.result != nil {
		mistakes = append(mistakes, codecs.CheckDecode("result", "", s.result))
	}
	return errors.Join(mistakes...)
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

// fits checks that each name of the list matches its Go parameter.
func fits(sig *signature.Signature, fn reflect.Type, types []reflect.Type) error {
	if len(types) != len(sig.Params) {
		return fmt.Errorf("%s does not match %s: write one name for each parameter after ctx", sig, fn)
	}
	var mistakes []error
	for i, p := range sig.Params {
		switch t := types[i]; {
		case p.Kind == signature.Rest && t.Kind() != reflect.Slice:
			mistakes = append(mistakes, fmt.Errorf("parameter *%s is %s: make it a slice, such as []%s", p.Name, t, t))
		case p.Kind == signature.Options && (t.Kind() != reflect.Map || t.Key().Kind() != reflect.String):
			mistakes = append(mistakes, fmt.Errorf("parameter **%s is %s: make it a map by string, such as map[string]any", p.Name, t))
		case fn.IsVariadic() && i == len(types)-1 && p.Kind != signature.Rest:
			mistakes = append(mistakes, fmt.Errorf("parameter %s is ...%s: write *%s in the tag, or make it []%s", p.Name, t.Elem(), p.Name, t.Elem()))
		}
	}
	return errors.Join(mistakes...)
}

// plainStruct reports whether t is a struct, or a pointer to one, that encoding/json encodes by its
// fields.
func plainStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := reflect.PointerTo(t)
	return t.Kind() == reflect.Struct &&
		!p.Implements(reflect.TypeFor[json.Marshaler]()) && !p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) &&
		(t.NumField() == 0 || slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.IsExported() }))
}

// call makes the call. It is the implementation of the func.
func (s *stub) call(in []reflect.Value) []reflect.Value {
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
func (s *stub) request(in []reflect.Value) requestBody {
	if s.fields {
		if in[0].Kind() == reflect.Pointer && in[0].IsNil() {
			return newRequestBody(nil, nil)
		}
		return requestBody{Args: []any{}, Kwargs: in[0].Interface()}
	}
	var args []any
	var kwargs Kwargs
	for i, v := range in {
		switch p := s.params[i]; p.Kind {
		case signature.Positional:
			args = append(args, v.Interface())
		case signature.Rest:
			for j := range v.Len() {
				args = append(args, v.Index(j).Interface())
			}
		case signature.Keyword:
			kwargs = append(kwargs, p.Name, v.Interface())
		case signature.Options:
			options := make(map[string]any, v.Len())
			for name, value := range v.Seq2() {
				options[name.String()] = value.Interface()
			}
			for _, name := range slices.Sorted(maps.Keys(options)) {
				kwargs = append(kwargs, name, options[name])
			}
		}
	}
	return newRequestBody(args, kwargs)
}

func errorValue(err error) reflect.Value {
	v := reflect.New(errorType).Elem()
	if err != nil {
		v.Set(reflect.ValueOf(err))
	}
	return v
}
