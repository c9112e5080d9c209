// Package stub creates typed clients for packages rpc and jobs. These are structs of funcs whose
// tags say which arguments are sent by position and which by name.
package stub

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/signature"
)

// Params are the parameters of a func after ctx. They say how each argument is sent.
type Params struct {
	types  []reflect.Type
	list   []signature.Param
	fields bool // the only parameter is a struct whose fields are sent as keyword arguments
}

// NewParams returns the parameters of fn, whose types are types. spec is the signature in its tag,
// and sig is the parsed one. If the signature has a list of parameters, each name must match its Go
// parameter.
func NewParams(sig *signature.Signature, spec string, fn reflect.Type, types []reflect.Type) (Params, error) {
	if strings.Contains(spec, "(") {
		return Params{types: types, list: sig.Params}, fits(sig, fn, types)
	}
	p := Params{types: types, list: make([]signature.Param, len(types))}
	if last := len(types) - 1; last >= 0 && variadic(fn, types) {
		p.list[last].Kind = signature.Rest
	}
	p.fields = len(types) == 1 && plainStruct(types[0])
	return p, nil
}

// Check returns an error for each parameter that can never be encoded.
func (p Params) Check(codecs codec.Set) error {
	var mistakes []error
	for i, t := range p.types {
		name := ""
		if i < len(p.list) {
			name = p.list[i].Name
		}
		mistakes = append(mistakes, codecs.CheckEncode("parameter", name, t))
	}
	return errors.Join(mistakes...)
}

// fits checks that each name in the list matches its Go parameter.
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
		case variadic(fn, types) && i == len(types)-1 && p.Kind != signature.Rest:
			mistakes = append(mistakes, fmt.Errorf("parameter %s is ...%s: write *%s in the tag, or make it []%s", p.Name, t.Elem(), p.Name, t.Elem()))
		}
	}
	return errors.Join(mistakes...)
}

// variadic reports whether the last of types is the variadic parameter of fn.
func variadic(fn reflect.Type, types []reflect.Type) bool {
	return fn.IsVariadic() && fn.NumIn() == len(types)+1
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

// Arguments returns the arguments of a call: those by position in args, and those by name in pairs,
// as alternating names and values. If object is not nil, it is a struct whose fields are all of the
// arguments.
func (p Params) Arguments(in []reflect.Value) (args, pairs []any, object any) {
	if p.fields {
		if in[0].Kind() == reflect.Pointer && in[0].IsNil() {
			return nil, nil, nil
		}
		return nil, nil, in[0].Interface()
	}
	for i, v := range in {
		switch param := p.list[i]; param.Kind {
		case signature.Positional:
			args = append(args, v.Interface())
		case signature.Rest:
			for j := range v.Len() {
				args = append(args, v.Index(j).Interface())
			}
		case signature.Keyword:
			pairs = append(pairs, param.Name, v.Interface())
		case signature.Options:
			options := make(map[string]any, v.Len())
			for name, value := range v.Seq2() {
				options[name.String()] = value.Interface()
			}
			for _, name := range slices.Sorted(maps.Keys(options)) {
				pairs = append(pairs, name, options[name])
			}
		}
	}
	return args, pairs, nil
}

// Prefixed prefixes err with where. If err comes from errors.Join, it prefixes each of the joined
// errors.
func Prefixed(where string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return fmt.Errorf("%s: %w", where, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Prefixed(where, e))
	}
	return errors.Join(all...)
}
