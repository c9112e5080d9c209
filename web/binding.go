package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/internal/methodname"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

var (
	writerType  = reflect.TypeFor[http.ResponseWriter]()
	requestType = reflect.TypeFor[*http.Request]()
)

// textTypes names the types that text can be parsed into, for error messages.
const textTypes = "a string, a number, a bool or a type with UnmarshalText"

// A binding says where in a request the parameters of a row's method come from.
type binding struct {
	row           *service.Row
	takesWriter   bool // the method takes an http.ResponseWriter and the *http.Request
	takesRequest  bool // the method takes the *http.Request
	wildcards     []wildcard
	wildcardsLead bool         // the wildcards are parameters before the struct
	argsType      reflect.Type // the struct that is the last parameter
	fields        []argsField  // of the struct
	fromBody      int          // number of fields that come from the body
}

// A wildcard is a wildcard of the pattern that has its own parameter.
type wildcard struct {
	name  string
	typ   reflect.Type
	parse parser
}

// An argsField is a field of the struct that is the last parameter.
type argsField struct {
	param  signature.Param
	index  []int
	source string // path, query, header or body
	key    string // its name there
	parse  parser // parses one text; nil if the field can only be decoded from JSON
	list   bool   // a slice, which receives all texts of its name

	checked bool // the type of the field contains constraints
}

// newBinding binds the parameters of a row's method to a request that matches the pattern. A method
// takes
//
//	(w http.ResponseWriter, r *http.Request)
//
// or, in this order, the *http.Request, a parameter for each wildcard, and a struct. Each is
// optional. If the wildcards have no parameters, the struct takes them.
func newBinding(r *service.Row, pattern string) (*binding, error) {
	b := &binding{row: r}
	name, names := r.Method, wildcards(pattern)
	rest := r.Params()
	if slices.Equal(rest, []reflect.Type{writerType, requestType}) {
		b.takesWriter, b.takesRequest = true, true
		_, err := r.Bind(methodname.Of(r)+"()", writerType, requestType)
		return b, err
	}
	var leading []reflect.Type
	if len(rest) > 0 && rest[0] == requestType {
		b.takesRequest, leading, rest = true, rest[:1:1], rest[1:]
	}
	n, last := len(names), len(rest)-1
	switch {
	case r.Params() == nil: // there may be no such method: Bind reports that
		return b, b.bindWildcards(names, rest, leading)
	case last < 0 && b.takesRequest: // the method reads the wildcards itself
		return b, b.bindWildcards(nil, rest, leading)
	case len(rest) == n && !(n == 1 && isArgs(rest[0])):
		return b, b.bindWildcards(names, rest, leading)
	case last >= 0 && isArgs(rest[last]) && (last == n || last == 0):
		return b, b.bindArgs(names, rest, leading)
	}
	takes := "no parameters"
	if len(rest) > 0 {
		takes = fmt.Sprint(rest)
	}
	return nil, fmt.Errorf("%s takes %s, but the pattern has %s: declare a parameter for each, %s; a struct may follow for the rest of the request",
		name, takes, quantity(names), declaration(name, names))
}

// bindWildcards binds a method that takes a parameter for each wildcard and no struct.
func (b *binding) bindWildcards(names []string, types, leading []reflect.Type) error {
	_, err := b.row.Bind(methodname.Of(b.row)+"("+strings.Join(names, ", ")+")", leading...)
	if err != nil {
		return err
	}
	return b.addWildcards(names, types)
}

// addWildcards binds parameters of these types to the wildcards.
func (b *binding) addWildcards(names []string, types []reflect.Type) error {
	var mistakes []error
	for i, t := range types {
		parse := parserOf(t)
		if parse == nil {
			mistakes = append(mistakes, fmt.Errorf("the parameter for the wildcard %s has the type %s: use %s", names[i], t, textTypes))
		}
		b.wildcards = append(b.wildcards, wildcard{names[i], t, parse})
	}
	return errors.Join(mistakes...)
}

// bindArgs binds a method that takes a struct, alone or after a parameter for each wildcard.
func (b *binding) bindArgs(names []string, types, leading []reflect.Type) error {
	last := len(types) - 1
	b.argsType = types[last]
	if b.argsType.Kind() == reflect.Pointer {
		b.argsType = b.argsType.Elem()
	}
	if last > 0 {
		b.wildcardsLead = true
		if err := b.addWildcards(names, types[:last]); err != nil {
			return err
		}
		names = nil
	}
	sig, err := b.row.Bind(methodname.Of(b.row), append(leading, types[:last]...)...)
	if err != nil {
		return err
	}
	return b.addFields(sig.Params, names)
}

// addFields binds the fields of the struct, which are the parameters of the signature, to parts of
// a request. names are the wildcards that fields may take.
func (b *binding) addFields(params []signature.Param, names []string) error {
	var mistakes []error
	left := slices.Clone(names)
	fields := structFields(b.argsType, nil)
	for i, p := range params {
		field, err := newArgsField(p, fields[i], names)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		left = slices.DeleteFunc(left, func(name string) bool { return field.source == "path" && field.key == name })
		if field.source == "body" {
			b.fromBody++
		}
		b.fields = append(b.fields, field)
	}
	if len(left) > 0 && !b.takesRequest && mistakes == nil {
		mistakes = append(mistakes, fmt.Errorf(`no field of %s takes %s: add one with path:"%s"`, b.argsType, quantity(left), left[0]))
	}
	return errors.Join(mistakes...)
}

// structFields returns the fields of t that are parameters, in the order of the signature.
func structFields(t reflect.Type, index []int) (fields []reflect.StructField) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
		case f.Anonymous && name == "":
			fields = append(fields, structFields(f.Type, append(slices.Clip(index), i))...)
		case f.IsExported():
			f.Index = append(slices.Clip(index), i)
			fields = append(fields, f)
		}
	}
	return fields
}

// newArgsField binds a field as its tag says. Without such a tag, the field comes from the wildcard
// of its name if there is one, and otherwise from the body.
func newArgsField(p signature.Param, f reflect.StructField, names []string) (argsField, error) {
	a := argsField{param: p, index: f.Index, source: "body", key: p.Name, parse: parserOf(p.Type)}
	if a.parse == nil && p.Type.Kind() == reflect.Slice {
		a.parse, a.list = parserOf(p.Type.Elem()), true
	}
	a.checked, _ = constraint.Within(p.Type, map[reflect.Type]bool{})
	var tagged []string
	for _, source := range []string{"path", "query", "header"} {
		if key, ok := f.Tag.Lookup(source); ok {
			a.source, a.key = source, key
			tagged = append(tagged, source)
		}
	}
	if tagged == nil && slices.Contains(names, p.Name) {
		a.source = "path"
	}
	switch {
	case len(tagged) > 1:
		return a, fmt.Errorf("the field %s has the tag keys %s: keep one", f.Name, strings.Join(tagged, " and "))
	case a.key == "":
		return a, fmt.Errorf("the field %s has an empty tag key %s: write the name of the value", f.Name, a.source)
	case a.source == "path" && !slices.Contains(names, a.key):
		return a, fmt.Errorf("the field %s takes the wildcard %s, but the pattern has %s", f.Name, a.key, quantity(names))
	case a.source != "body" && (a.parse == nil || a.list && a.source == "path"):
		return a, fmt.Errorf("the field %s has the type %s, but a value from the %s is text: use %s", f.Name, f.Type, a.source, textTypes)
	case a.source == "header":
		a.key = http.CanonicalHeaderKey(a.key)
	}
	return a, nil
}

// checkTypes returns an error for each field that can be sent neither as text nor as JSON, and one
// if the codec results can never encode the method's result.
func (b *binding) checkTypes(results codec.Codec) error {
	var mistakes []error
	for i := range b.fields {
		if f := &b.fields[i]; f.parse == nil {
			mistakes = append(mistakes, codec.Set{codec.JSON}.CheckDecode("parameter", f.param.Name, f.param.Type))
		}
	}
	t := b.row.Result()
	if t != nil && !b.takesWriter && !t.Implements(reflect.TypeFor[io.Reader]()) {
		mistakes = append(mistakes, codec.Set{results}.CheckEncode("result", "", t))
	}
	return errors.Join(mistakes...)
}

// isArgs reports whether t is a struct whose fields are parameters, or a pointer to one.
func isArgs(t reflect.Type) bool {
	if parserOf(t) != nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

var wildcardPattern = regexp.MustCompile(`\{([^{}.$]+)(\.\.\.)?\}`)

// wildcards returns the names of the wildcards of a pattern, in order.
func wildcards(pattern string) []string {
	var names []string
	for _, found := range wildcardPattern.FindAllStringSubmatch(pattern, -1) {
		names = append(names, found[1])
	}
	return names
}

// quantity describes a number of wildcards in an error message.
func quantity(names []string) string {
	switch len(names) {
	case 0:
		return "no wildcard"
	case 1:
		return "the wildcard " + names[0]
	}
	return "the wildcards " + strings.Join(names, ", ")
}

// declaration returns the declaration of a method that takes a string for each wildcard.
func declaration(name string, names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(", " + n + " string")
	}
	return name + "(ctx context.Context" + b.String() + ")"
}
