package stub

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"reflect"
	"slices"

	"github.com/gomeko/gomeko/service"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// A Kind is a kind of client: that of package rpc, or that of package jobs.
type Kind struct {
	Client  reflect.Type // such as rpc.Client; a struct with a blank field of this type is a typed client
	Key     string       // the key in the tags of clients, and of the funcs of typed clients
	Example string       // an example of a client's tag: `rpc:"users"`
	Purpose string       // what the service in the tag is for: "to call"
}

// Service returns the name of the service in the tag of a client. more lists further keys that the
// tag may have.
func (k Kind) Service(tag service.Tag, more ...string) (string, error) {
	name, err := tag.Get(k.Key), tag.Keys(append(more, k.Key)...)
	if name == "" {
		return "", errors.Join(err, fmt.Errorf("the tag must name the service %s, as in %s", k.Purpose, k.Example))
	}
	return name, errors.Join(err, service.CheckName(name))
}

// Typed reports whether t, the type of a field that is a client, is a typed client.
func (k Kind) Typed(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != k.Client }

// Details describes a field that is a client. name says what the tags of a typed client's funcs
// name: methods or jobs.
func (k Kind) Details(f *service.Field, name string, of func(tag string) string) map[string]any {
	details := map[string]any{"service": f.Tag.Get(k.Key)}
	if !k.Typed(f.Type) {
		return details
	}
	names := []string{}
	for i := range f.Type.NumField() {
		if field := f.Type.Field(i); field.Name != "_" {
			names = append(names, of(field.Tag.Get(k.Key)))
		}
	}
	details[name] = names
	return details
}

// Bind returns a typed client. fill sets its funcs for a service. The error has a line for each
// mistake, which names the field.
func Bind[C any](k Kind, fill func(service string, client reflect.Value) error) (C, error) {
	var client, none C
	v := reflect.ValueOf(&client).Elem()
	if v.Kind() != reflect.Struct {
		return none, fmt.Errorf("%s must be a struct of funcs", v.Type())
	}
	marker, ok := k.marker(v.Type())
	if !ok {
		return none, fmt.Errorf("%s does not name its service: add a field _ %s `%s`", v.Type(), k.Client, k.Example)
	}
	tag, err := service.ParseTag(string(marker.Tag))
	if err == nil {
		var name string
		name, err = k.Service(tag)
		err = errors.Join(err, fill(name, v))
	}
	if err != nil {
		return none, Prefixed(v.Type().String(), err)
	}
	return client, nil
}

// marker returns the blank field that makes a struct a typed client.
func (k Kind) marker(t reflect.Type) (f reflect.StructField, ok bool) {
	for i := range t.NumField() {
		if f = t.Field(i); f.Name == "_" && f.Type == k.Client {
			return f, true
		}
	}
	return f, false
}

// A Func implements a func of a typed client.
type Func interface {
	Call(in []reflect.Value) (out []reflect.Value)
}

// Fill sets the nil funcs of a typed client to what bind returns, and returns the results of bind.
// It checks all funcs; the error has a line for each mistake, which names the field.
func Fill[F Func](k Kind, client reflect.Value, bind func(f reflect.StructField, tag service.Tag) (F, error)) (filled []F, _ error) {
	var mistakes []error
	marker, _ := k.marker(client.Type())
	for i := range client.NumField() {
		f := client.Type().Field(i)
		if slices.Equal(f.Index, marker.Index) {
			continue
		}
		tag, err := k.check(f)
		var fn F
		if err == nil {
			fn, err = bind(f, tag)
		}
		switch {
		case err != nil:
			mistakes = append(mistakes, Prefixed(f.Name, err))
		case client.Field(i).IsNil():
			client.Field(i).Set(reflect.MakeFunc(f.Type, fn.Call))
			filled = append(filled, fn)
		}
	}
	return filled, errors.Join(mistakes...)
}

// check returns the tag of a func.
func (k Kind) check(f reflect.StructField) (service.Tag, error) {
	tag, err := service.ParseTag(string(f.Tag))
	switch {
	case err != nil:
	case f.Type.Kind() != reflect.Func:
		err = fmt.Errorf("is %s: the fields of a typed client must be funcs, except for one blank %s", f.Type, k.Client)
	case !token.IsExported(f.Name):
		err = errors.New("is not exported and cannot be set: start its name with a capital letter")
	}
	return tag, err
}

// TakesContext reports whether the first parameter of fn is a context.
func TakesContext(fn reflect.Type) bool { return fn.NumIn() > 0 && fn.In(0) == contextType }

// ReturnsError reports whether fn returns an error, or a value and an error.
func ReturnsError(fn reflect.Type) bool {
	n := fn.NumOut()
	return (n == 1 || n == 2) && fn.Out(n-1) == errorType
}

// Context returns the first of the arguments of a call.
func Context(in []reflect.Value) context.Context {
	ctx, _ := in[0].Interface().(context.Context)
	return ctx
}

// Error returns err as a result of a call.
func Error(err error) reflect.Value {
	v := reflect.New(errorType).Elem()
	if err != nil {
		v.Set(reflect.ValueOf(err))
	}
	return v
}
