package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/service"
)

var (
	writerType  = reflect.TypeFor[http.ResponseWriter]()
	requestType = reflect.TypeFor[*http.Request]()
)

// A binding is how the parameters of a row's method are found in a request.
type binding struct {
	field    *service.Field
	writes   bool // it is given an http.ResponseWriter
	request  bool // and, or only, the *http.Request
	segments []segment
	ahead    bool // the segments go ahead of the struct's fields
	inputs   []input
	fill     reflect.Type // the struct that inputs fill
	sized    int          // of the inputs, those that come from the body
}

// A segment is a wildcard that a parameter of the method takes.
type segment struct {
	name  string
	typ   reflect.Type
	parse parser
}

// newBinding binds the method of f's row to the wildcards of pattern.
func newBinding(f *service.Field, pattern string) (*binding, error) {
	b := &binding{field: f}
	name, names := cmp.Or(f.Tag("method"), f.Name), wildcards(pattern)
	rest := f.Params()
	if slices.Equal(rest, []reflect.Type{writerType, requestType}) {
		b.writes, b.request = true, true
		_, err := f.Bind(name+"()", writerType, requestType)
		return b, err
	}
	var lead []reflect.Type
	if len(rest) > 0 && rest[0] == requestType {
		b.request, lead, rest = true, rest[:1:1], rest[1:]
	}
	n := len(names)
	switch last := len(rest) - 1; {
	case f.Params() == nil, last < 0 && b.request: // the method may be missing, as Bind tells; or it has the request
		if b.request {
			names = nil
		}
		return b, b.list(f, name, names, rest, lead)
	case len(rest) == n && !(n == 1 && isStruct(rest[0])):
		return b, b.list(f, name, names, rest, lead)
	case last >= 0 && isStruct(rest[last]) && (last == n || last == 0):
		return b, b.fields(f, name, names, rest, lead)
	}
	takes := "none"
	if len(rest) > 0 {
		takes = fmt.Sprint(rest)
	}
	return nil, fmt.Errorf("the pattern has %s, and %s takes %s: write a parameter for each, %s, and for more than them a struct at the end",
		these(names), name, takes, declaration(name, names))
}

// list binds a parameter for each wildcard.
func (b *binding) list(f *service.Field, name string, names []string, types, lead []reflect.Type) error {
	_, err := f.Bind(name+"("+strings.Join(names, ", ")+")", lead...)
	if err != nil {
		return err
	}
	return b.take(names, types)
}

// take has parameters of these types take wildcards.
func (b *binding) take(names []string, types []reflect.Type) error {
	var mistakes []error
	for i, t := range types {
		parse := parserOf(t)
		if parse == nil {
			mistakes = append(mistakes, fmt.Errorf("the parameter of the wildcard %s is %s: make it a string, a number, a bool or a type with UnmarshalText", names[i], t))
		}
		b.segments = append(b.segments, segment{names[i], t, parse})
	}
	return errors.Join(mistakes...)
}

// fields binds a struct, behind a parameter for each wildcard or alone.
func (b *binding) fields(f *service.Field, name string, names []string, types, lead []reflect.Type) error {
	last := len(types) - 1
	args := types[last]
	if args.Kind() == reflect.Pointer {
		args = args.Elem()
	}
	if last > 0 {
		b.ahead = true
		if err := b.take(names, types[:last]); err != nil {
			return err
		}
		names = nil
	}
	sig, err := f.Bind(name, append(lead, types[:last]...)...)
	if err != nil {
		return err
	}
	return b.read(args, sig, names)
}

// these are names in a sentence.
func these(names []string) string {
	if len(names) == 0 {
		return "no wildcard"
	}
	if len(names) == 1 {
		return "the wildcard " + names[0]
	}
	return "the wildcards " + strings.Join(names, ", ")
}

func declaration(name string, names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(", " + n + " string")
	}
	return name + "(ctx context.Context" + b.String() + ")"
}

// isStruct reports whether t is a struct whose fields are found in a request, or a pointer to one.
func isStruct(t reflect.Type) bool {
	if parserOf(t) != nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}
