package service

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/signature"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// bind finds the method of the service and gives the parameters of sig to the method's.
func bind(proto reflect.Value, name string, sig *signature.Signature, lead []reflect.Type) (*method, error) {
	typ := reflect.PointerTo(proto.Type())
	remedy := declaration(proto.Type(), name, sig, lead)
	goMethod, ok := typ.MethodByName(name)
	if !ok {
		return nil, noMethod(typ, name, remedy)
	}
	m := &method{
		sig:     sig,
		proto:   proto,
		fn:      goMethod.Func,
		leading: lead,
	}
	params, err := m.shape(name, remedy)
	if err != nil {
		return nil, err
	}
	switch {
	case sig.Listed:
		err = m.bindList(name, params)
	case len(params) == 0:
	case len(params) == 1:
		err = m.bindStruct(name, params[0])
	default:
		err = fmt.Errorf("%s takes %s: name them, %s", name, these(params), listFor(sig.Name, params))
	}
	if err != nil {
		return nil, err
	}
	for i := range m.slots {
		s := &m.slots[i]
		s.hidden = s.hidden || holdsSensitive(s.typ, map[reflect.Type]bool{})
	}
	m.frame = m.layout()
	return m, nil
}

// shape checks what every method has, and returns the parameters that are left for arguments.
func (m *method) shape(name, remedy string) ([]reflect.Type, error) {
	t := m.fn.Type()
	ins := make([]reflect.Type, 0, t.NumIn())
	for i := 1; i < t.NumIn(); i++ {
		ins = append(ins, t.In(i))
	}
	if m.bare = t.NumOut() == 0 && slices.ContainsFunc(m.leading, carriesContext) && slices.Equal(ins, m.leading); m.bare {
		return nil, nil
	}
	if len(ins) == 0 || ins[0] != contextType {
		return nil, fmt.Errorf("the first parameter of %s is not context.Context: write %s", name, remedy)
	}
	if n := t.NumOut(); n == 0 || n > 2 || t.Out(n-1) != errorType {
		return nil, fmt.Errorf("%s does not return (T, error) or error: write %s", name, remedy)
	}
	ins = ins[1:]
	for i, want := range m.leading {
		if i >= len(ins) || ins[i] != want {
			return nil, fmt.Errorf("parameter %d of %s after ctx is not %s: write %s", i+1, name, want, remedy)
		}
	}
	return ins[len(m.leading):], nil
}

// carriesContext reports whether a value of t has a ctx with it, as an *http.Request has.
func carriesContext(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[interface{ Context() context.Context }]())
}

// bindList gives each name of the list one Go parameter.
func (m *method) bindList(name string, params []reflect.Type) error {
	if len(params) != len(m.sig.Params) {
		return fmt.Errorf("tag names %d parameter%s, %s takes %s: write a name for each, %s",
			len(m.sig.Params), plural(len(m.sig.Params)), name, these(params), listFor(m.sig.Name, params))
	}
	var mistakes []error
	for i := range m.sig.Params {
		p, t := &m.sig.Params[i], params[i]
		p.Type = t
		s := slot{typ: t, expected: expected(t)}
		switch {
		case p.Kind == signature.Rest && t.Kind() != reflect.Slice:
			mistakes = append(mistakes, fmt.Errorf("parameter *%s is %s: make it a slice, such as []%s", p.Name, t, t))
		case p.Kind == signature.Options && (t.Kind() != reflect.Map || t.Key().Kind() != reflect.String):
			mistakes = append(mistakes, fmt.Errorf("parameter **%s is %s: make it a map by string, such as map[string]any", p.Name, t))
		case p.Kind == signature.Rest || p.Kind == signature.Options:
			s.expected = expected(t.Elem())
		case p.Optional:
			var err error
			if s.fallback, err = fallback(t, p.Default); err != nil {
				mistakes = append(mistakes, fmt.Errorf("parameter %s: %w", p.Name, err))
			}
		}
		m.slots = append(m.slots, s)
	}
	return errors.Join(mistakes...)
}

// bindStruct makes each field of a struct a parameter.
func (m *method) bindStruct(name string, t reflect.Type) error {
	fields := t
	if t.Kind() == reflect.Pointer {
		fields, m.ptr = t.Elem(), true
	}
	why := ""
	switch {
	case fields.Kind() != reflect.Struct:
		why = "which is no struct of parameters"
	case unmarshalsItself(fields):
		why = "which unmarshals itself"
	case fields.NumField() > 0 && !slices.ContainsFunc(reflect.VisibleFields(fields), func(f reflect.StructField) bool { return f.IsExported() }):
		why = "which has no exported fields"
	}
	if why != "" {
		return fmt.Errorf("%s takes %s, %s: name it, %s", name, t, why, listFor(m.sig.Name, []reflect.Type{t}))
	}
	m.args = fields
	return errors.Join(m.addFields(fields, nil)...)
}

// addFields adds the fields of t, which lies at index in the struct of parameters; embedded structs are
// flattened as encoding/json does.
func (m *method) addFields(t reflect.Type, index []int) (mistakes []error) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clip(index), i)
		tags, err := ParseTag(string(f.Tag))
		jsonTag, _ := tags.lookup("json")
		name, options, _ := strings.Cut(jsonTag, ",")
		switch {
		case jsonTag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case err != nil:
			mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", t, f.Name, err))
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			mistakes = append(mistakes, m.addFields(f.Type, at)...)
			continue
		case f.Anonymous && name == "":
			mistakes = append(mistakes, fmt.Errorf("%s embeds %s: embed a struct by value, or name the field", t, f.Type))
			continue
		case !f.IsExported():
			continue
		}
		p := signature.Param{Name: name, Type: f.Type}
		if name == "" {
			p.Name = f.Name
		}
		s := slot{typ: f.Type, index: at, expected: expected(f.Type)}
		if err := m.option(&p, &s, tags, strings.Split(options, ",")); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", t, f.Name, err))
		}
		m.sig.Params = append(m.sig.Params, p)
		m.slots = append(m.slots, s)
	}
	return mistakes
}

// option reads from the field's tag and type whether p may be left out, and what it is then.
func (m *method) option(p *signature.Param, s *slot, tags Tag, options []string) error {
	literal, hasDefault := tags.lookup("default")
	sensitive, isSensitive := tags.lookup("sensitive")
	s.hidden = sensitive == "true"
	switch {
	case isSensitive && !s.hidden:
		return fmt.Errorf(`sensitive %q has no meaning for a field: write sensitive:"true"`, sensitive)
	case slices.Contains(options, "string"):
		return errors.New(`json's option "string" has no meaning for a parameter: leave it out`)
	case hasDefault:
		v, err := signature.Literal(literal)
		if err == nil {
			s.fallback, err = fallback(p.Type, v)
		}
		if err != nil {
			return fmt.Errorf("default:%q: %w", literal, err)
		}
		p.Default, p.Optional = v, true
	case p.Type.Kind() == reflect.Pointer:
		p.Optional = true
	case slices.Contains(options, "omitempty"), slices.Contains(options, "omitzero"):
		p.Default, p.Optional = zero(p.Type), true
	}
	for _, b := range m.sig.Params {
		switch {
		case b.Name == p.Name:
			return fmt.Errorf("two fields are the parameter %s", p.Name)
		case b.Optional && !p.Optional:
			return fmt.Errorf("%s is required but follows %s, which is not: put it first, or give it a default", p.Name, b.Name)
		}
	}
	return nil
}

// zero is the zero value of t among the values that a literal has.
func zero(t reflect.Type) any {
	switch t.Kind() {
	case reflect.Bool:
		return false
	case reflect.String:
		return ""
	case reflect.Float32, reflect.Float64:
		return 0.0
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(0)
	}
	return nil
}

// fallback compiles a default: what cannot be changed by who gets it is converted once, all else for each call.
func fallback(t reflect.Type, literal any) (func(reflect.Value), error) {
	v := reflect.New(t).Elem()
	if err := store(v, literal); err != nil {
		return nil, err
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array, reflect.Struct, reflect.Interface:
		if literal != nil {
			return func(dst reflect.Value) { _ = store(dst, literal) }, nil
		}
	}
	return func(dst reflect.Value) { dst.Set(v) }, nil
}

// store converts what [signature.Literal] has read to the type of dst, which it sets.
func store(dst reflect.Value, v any) error {
	t := dst.Type()
	misfit := fmt.Errorf("default %s does not fit %s", signature.Repr(v), t)
	switch {
	case v == nil:
		switch t.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			dst.SetZero()
			return nil
		}
		return fmt.Errorf("%w: make it *%s", misfit, t)
	case t == reflect.TypeFor[any]():
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, dst.Addr().Interface())
	}
	if err != nil {
		return misfit
	}
	return nil
}

// unmarshalsItself reports whether a value of t is read by code of its own, so that its fields are not parameters.
func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func noMethod(typ reflect.Type, name, remedy string) error {
	if first := []rune(name)[0]; !unicode.IsUpper(first) {
		return fmt.Errorf("method %s is not exported: write %s%s", name, string(unicode.ToUpper(first)), name[len(string(first)):])
	}
	names := make([]string, typ.NumMethod())
	for i := range names {
		names[i] = typ.Method(i).Name
	}
	if near := nearest.Likely(name, names); near != "" {
		return fmt.Errorf("has no method %s; did you mean %s? Or write %s", name, near, remedy)
	}
	return fmt.Errorf("has no method %s: write %s", name, remedy)
}

// declaration writes the method that would fit: func (o *Orders) GetOrder(ctx context.Context, orderID any) (any, error).
func declaration(service reflect.Type, name string, sig *signature.Signature, lead []reflect.Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "func (%s *%s) %s(ctx context.Context", initial(service), service.Name(), name)
	for _, t := range lead {
		fmt.Fprintf(&b, ", %s %s", initial(t), t)
	}
	for _, p := range sig.Params {
		t := "any"
		switch {
		case p.Kind == signature.Rest:
			t = "[]any"
		case p.Kind == signature.Options:
			t = "map[string]any"
		case p.Default != nil:
			t = strings.NewReplacer("int64", "int", "interface {}", "any").Replace(fmt.Sprintf("%T", p.Default))
		}
		fmt.Fprintf(&b, ", %s %s", camel(p.Name), t)
	}
	b.WriteString(") (any, error)")
	return b.String()
}

func initial(t reflect.Type) string {
	for _, r := range strings.ToLower(t.Name()) {
		return string(r)
	}
	return "v"
}

// camel spells a name of Python's as Go does: order_id is orderID.
func camel(name string) string {
	words := strings.Split(strings.Trim(name, "_"), "_")
	for i, w := range words[1:] {
		switch w {
		case "id", "url", "uri", "http", "json", "api", "ip":
			words[i+1] = strings.ToUpper(w)
		default:
			words[i+1] = strings.ToUpper(w[:min(1, len(w))]) + w[min(1, len(w)):]
		}
	}
	word := strings.Join(words, "")
	if word == "" || token.IsKeyword(word) {
		word += "_"
	}
	return word
}

// these says how many parameters a method has after ctx, and of which types.
func these(params []reflect.Type) string {
	if len(params) == 0 {
		return "none"
	}
	types := make([]string, len(params))
	for i, t := range params {
		types[i] = t.String()
	}
	return fmt.Sprintf("%d (%s)", len(params), strings.Join(types, ", "))
}

// listFor writes a list that fits the parameters, for a remedy.
func listFor(name string, params []reflect.Type) string {
	names := make([]string, len(params))
	for i := range params {
		names[i] = string(rune('a' + i%26))
	}
	return fmt.Sprintf("as in %s(%s)", name, strings.Join(names, ", "))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
