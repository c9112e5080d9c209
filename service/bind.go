package service

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/signature"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// bind finds the row's method, and binds the parameters of sig to its own.
func (r *Row) bind(sig *signature.Signature, leading []reflect.Type) (*method, error) {
	goMethod, ok := reflect.PointerTo(r.hosted.proto.Type()).MethodByName(r.Method)
	if !ok {
		return nil, r.noMethod(sig, leading)
	}
	m := &method{
		name:    r.Method,
		sig:     sig,
		proto:   r.hosted.proto,
		plan:    &r.hosted.plan,
		fn:      goMethod.Func,
		leading: leading,
		lenient: r.lenient,
	}
	params, err := m.parameters()
	if err != nil {
		return nil, fmt.Errorf("%w: write %s", err, r.declaration(sig, leading, goMethod))
	}
	switch {
	case sig.Listed:
		err = m.bindList(params)
	case len(params) == 1:
		err = m.bindStruct(params[0])
	case len(params) > 1:
		err = fmt.Errorf("%s takes %s after ctx: name them in the tag, as in %s", m.name, count(params), exampleList(sig.Name, params))
	}
	if err != nil {
		return nil, err
	}
	var mistakes []error
	checked := map[reflect.Type]bool{}
	known := map[string]bool{}
	for i := range m.slots {
		s := &m.slots[i]
		constrained, wrong := constraint.Within(s.typ, map[reflect.Type]bool{})
		s.checked = constrained
		for _, mistake := range wrong { // several parameters may have the type
			if !known[mistake.Error()] {
				known[mistake.Error()] = true
				mistakes = append(mistakes, mistake)
			}
		}
		if !s.hidden && holdsSensitive(s.typ, map[reflect.Type]bool{}) {
			s.hidden, s.nested = true, true
		}
		if !m.lenient {
			mistakes = append(mistakes, memberDefaults(s.typ, checked)...)
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	m.frame = m.layout()
	return m, nil
}

// parameters checks what every method must have, and returns the parameters that take arguments.
func (m *method) parameters() ([]reflect.Type, error) {
	t := m.fn.Type()
	ins := inputs(t)
	if m.bare = t.NumOut() == 0 && slices.ContainsFunc(m.leading, carriesContext) && slices.Equal(ins, m.leading); m.bare {
		return nil, nil
	}
	if len(ins) == 0 || ins[0] != contextType {
		return nil, fmt.Errorf("the first parameter of %s must be context.Context", m.name)
	}
	n := t.NumOut()
	if n == 1 && sequence.Looks(t.Out(0)) {
		return nil, fmt.Errorf("%s must return an error beside its iterator", m.name)
	}
	if n == 0 || n > 2 || t.Out(n-1) != errorType {
		return nil, fmt.Errorf("%s must return error or (T, error)", m.name)
	}
	if n == 2 {
		if m.item = sequence.Item(t.Out(0)); m.item == nil && sequence.Looks(t.Out(0)) {
			return nil, fmt.Errorf("%s returns %s, which cannot say that an item failed", m.name, t.Out(0))
		}
	}
	ins = ins[1:]
	for i, want := range m.leading {
		if i >= len(ins) || ins[i] != want {
			return nil, fmt.Errorf("parameter %d of %s after ctx must be %s", i+1, m.name, want)
		}
	}
	return ins[len(m.leading):], nil
}

// inputs returns the types of a method's parameters after the receiver.
func inputs(t reflect.Type) []reflect.Type {
	types := make([]reflect.Type, 0, t.NumIn())
	for i := 1; i < t.NumIn(); i++ {
		types = append(types, t.In(i))
	}
	return types
}

// withoutContext returns types without ctx, if it is the first.
func withoutContext(types []reflect.Type) []reflect.Type {
	if len(types) > 0 && types[0] == contextType {
		return types[1:]
	}
	return types
}

// carriesContext reports whether values of t have a context, like *http.Request.
func carriesContext(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[interface{ Context() context.Context }]())
}

// bindList binds each name of the list to one Go parameter.
func (m *method) bindList(params []reflect.Type) error {
	if err := m.checkLength(params); err != nil {
		return err
	}
	var mistakes []error
	for i := range m.sig.Params {
		p, t := &m.sig.Params[i], params[i]
		p.Type = t
		s := slot{typ: t, item: sequence.Item(t), expected: expected(t)}
		if s.item != nil { // a list is accepted too
			p.Type = reflect.SliceOf(s.item)
			s.expected = expected(p.Type)
		}
		switch {
		case s.item != nil && slices.ContainsFunc(m.slots, func(o slot) bool { return o.item != nil }):
			mistakes = append(mistakes, fmt.Errorf("parameter %s is a second iterator: a method takes at most one", p.Name))
		case s.item == nil && sequence.Looks(t):
			mistakes = append(mistakes, fmt.Errorf("parameter %s is %s, which cannot say that an item failed: make it iter.Seq2[T, error]", p.Name, t))
		case s.item != nil && (p.Kind == signature.Rest || p.Kind == signature.Options):
			mistakes = append(mistakes, fmt.Errorf("parameter %s is an iterator: remove the * in the tag", p.Name))
		case s.item != nil:
		case p.Kind == signature.Rest && t.Kind() != reflect.Slice:
			mistakes = append(mistakes, fmt.Errorf("parameter *%s must be a slice, not %s: write []%[2]s", p.Name, t))
		case p.Kind == signature.Options && (t.Kind() != reflect.Map || t.Key().Kind() != reflect.String):
			mistakes = append(mistakes, fmt.Errorf("parameter **%s must be a map with string keys, not %s: write map[string]any", p.Name, t))
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

// checkLength returns an error if the list has more or fewer names than the method has parameters.
func (m *method) checkLength(params []reflect.Type) error {
	named, taken := len(m.sig.Params), len(params)
	if named == taken {
		return nil
	}
	mistake := fmt.Errorf("the tag names %s, but %s takes %s after ctx", plural(named, "parameter"), m.name, count(params))
	if named < taken {
		return fmt.Errorf("%w: name each in the tag, as in %s", mistake, exampleList(m.sig.Name, params))
	}
	var extra []string
	for _, p := range m.sig.Params[taken:] {
		extra = append(extra, p.Name)
	}
	return fmt.Errorf("%w: add %s to the method, or remove it from the tag", mistake, strings.Join(extra, ", "))
}

// bindStruct binds each field of a struct as a parameter.
func (m *method) bindStruct(t reflect.Type) error {
	fields := t
	if t.Kind() == reflect.Pointer {
		fields, m.ptr = t.Elem(), true
	}
	why := ""
	switch {
	case fields.Kind() != reflect.Struct:
		why = "which is not a struct"
	case unmarshalsItself(fields):
		why = "which unmarshals itself"
	case fields.NumField() > 0 && !slices.ContainsFunc(reflect.VisibleFields(fields), func(f reflect.StructField) bool { return f.IsExported() }):
		why = "which has no exported fields"
	}
	if why != "" {
		return fmt.Errorf("%s takes %s, %s: name it in the tag, as in %s", m.name, t, why, exampleList(m.sig.Name, []reflect.Type{t}))
	}
	m.args = fields
	return errors.Join(m.addFields(fields, nil)...)
}

// addFields adds the fields of t, which is at index in the struct of parameters. Fields of embedded
// structs count as its own, as in encoding/json.
func (m *method) addFields(t reflect.Type, index []int) (mistakes []error) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clip(index), i)
		tag, err := ParseTag(string(f.Tag))
		jsonTag := tag.Get("json")
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
		s := slot{typ: f.Type, index: at, expected: expected(f.Type), tag: f.Tag}
		for _, mistake := range constraint.Split(m.option(&p, &s, tag, strings.Split(options, ","))) {
			mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", t, f.Name, mistake))
		}
		m.sig.Params = append(m.sig.Params, p)
		m.slots = append(m.slots, s)
	}
	return mistakes
}

// option reads from the field's tag and type whether p is optional, and its default.
func (m *method) option(p *signature.Param, s *slot, tag Tag, options []string) error {
	literal, hasDefault := tag.lookup("default")
	var wrong error
	s.rule, wrong = constraint.Of(s.tag, p.Type)
	if wrong != nil {
		return wrong
	}
	sensitive, isSensitive := tag.lookup("sensitive")
	s.hidden, s.doc = sensitive == "true", tag.Get("doc")
	switch {
	case isSensitive && !s.hidden:
		return errors.New(`sensitive: must be "true"`)
	case slices.Contains(options, "string"):
		return errors.New(`the option "string" of json has no effect on a parameter: remove it`)
	case hasDefault:
		v, err := signature.Literal(literal)
		if err != nil {
			return fmt.Errorf("default: %w", err)
		}
		if s.fallback, err = fallback(p.Type, v); err != nil {
			return err
		}
		if err := s.rule.Default(p.Type, s.fallback); err != nil {
			return err
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
			return fmt.Errorf("two fields have the name %s: rename one", p.Name)
		case b.Optional && !p.Optional:
			return fmt.Errorf("%s is required but follows %s, which is optional: put it first, or give it a default", p.Name, b.Name)
		}
	}
	return nil
}

// memberDefaults returns the mistakes in the default tags of struct fields at any depth of t.
func memberDefaults(t reflect.Type, seen map[reflect.Type]bool) (mistakes []error) {
	if seen[t] || unmarshalsItself(t) {
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return memberDefaults(t.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous || f.Tag.Get("json") == "-" {
			continue
		}
		if literal, ok := f.Tag.Lookup("default"); ok {
			v, err := signature.Literal(literal)
			if err != nil {
				err = fmt.Errorf("default: %w", err)
			} else {
				err = defaultOf(f, v)
			}
			if err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", t, f.Name, err))
			}
		}
		mistakes = append(mistakes, memberDefaults(f.Type, seen)...)
	}
	return mistakes
}

// defaultOf returns an error if v cannot be the default of f.
func defaultOf(f reflect.StructField, v any) error {
	set, err := fallback(f.Type, v)
	if err != nil {
		return err
	}
	rule, err := constraint.Of(f.Tag, f.Type)
	if err != nil {
		return nil // it is reported with the constraints
	}
	return rule.Default(f.Type, set)
}

// zero returns the zero value of t as a literal.
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

// fallback returns the function that sets a parameter to its default. A default that a method could
// modify, such as a map, is converted anew for each call.
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

// store sets dst to a value of [signature.Literal].
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
		return fmt.Errorf("%w: use *%s", misfit, t)
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

// unmarshalsItself reports whether t has its own UnmarshalJSON or UnmarshalText, so that its fields
// are not parameters.
func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// expected returns the Python type of the values that fit t.
func expected(t reflect.Type) string {
	if unmarshalsItself(t) {
		return t.String()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.String:
		return "str"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list"
	case reflect.Map, reflect.Struct:
		return "dict"
	case reflect.Pointer:
		return expected(t.Elem()) + " or None"
	}
	return t.String()
}

// layout returns the type of the frame that each call allocates: one struct with the service, ctx
// and the parameters.
func (m *method) layout() reflect.Type {
	types := []reflect.Type{m.proto.Type(), contextType}
	if m.args != nil {
		types = append(types, m.args)
	} else {
		for i := range m.slots {
			types = append(types, m.slots[i].typ)
		}
	}
	fields := make([]reflect.StructField, len(types))
	for i, t := range types {
		fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: t}
	}
	return reflect.StructOf(fields)
}
