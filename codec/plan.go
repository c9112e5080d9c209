package codec

import (
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/signature"
)

// A plan says how to write and read the values of one type. It is made once.
type plan struct {
	typ    reflect.Type
	write  form
	read   form
	number bool    // of a library: reading takes time that grows with the square of the digits
	kind   string  // of the envelope of a type that marshals itself: uuid, decimal
	elem   *plan   // of a pointer, a list or a map
	fields []field // of a struct
	byName map[string]int
	always bool // no field is ever omitted
}

// A form is a class of types that are written or read in the same way.
type form uint8

const (
	formNone form = iota // not data: functions, channels
	formBool
	formInt
	formUint
	formFloat
	formString
	formBytes
	formList
	formArray
	formMap
	formStruct
	formPointer
	formAny

	// These are the types in known.
	formNumber
	formRaw
	formBig
	formTime
	formDate
	formTimeOfDay
	formDecimal
	formFrozen
	formObject

	// These types marshal themselves, or pointers to them do (Ptr).
	formJSON
	formJSONPtr
	formText
	formTextPtr
)

// known has the types of this package and of the standard library that are encoded specially.
var known = map[reflect.Type]form{
	reflect.TypeFor[json.Number]():     formNumber,
	reflect.TypeFor[json.RawMessage](): formRaw,
	reflect.TypeFor[big.Int]():         formBig,
	reflect.TypeFor[time.Time]():       formTime,
	reflect.TypeFor[Date]():            formDate,
	reflect.TypeFor[TimeOfDay]():       formTimeOfDay,
	reflect.TypeFor[Decimal]():         formDecimal,
	frozenType:                         formFrozen,
}

// plans holds the plans of types. It is safe for concurrent use.
type plans struct {
	known sync.Map // of *plan by reflect.Type
	mu    sync.Mutex
}

// of returns the plan of t.
func (s *plans) of(t reflect.Type) *plan {
	if p, ok := s.known.Load(t); ok {
		return p.(*plan)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := map[reflect.Type]*plan{}
	p := s.make(t, made)
	for t, p := range made {
		s.known.Store(t, p)
	}
	return p
}

// make returns the plan of t. It adds to made this plan and the plans of the types in t, which may
// contain t.
func (s *plans) make(t reflect.Type, made map[reflect.Type]*plan) *plan {
	if p, ok := s.known.Load(t); ok {
		return p.(*plan)
	}
	if p := made[t]; p != nil {
		return p
	}
	p := &plan{typ: t}
	made[t] = p
	if f, ok := known[t]; ok {
		p.write, p.read = f, f
		return p
	}
	p.write = basic(t)
	p.read = p.write
	switch p.write {
	case formPointer, formList, formArray, formMap:
		p.elem = s.make(t.Elem(), made)
	case formStruct:
		s.fields(p, made)
	}
	p.marshals()
	return p
}

// basic returns the form of a type without its methods.
func basic(t reflect.Type) form {
	switch t.Kind() {
	case reflect.Bool:
		return formBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return formInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return formUint
	case reflect.Float32, reflect.Float64:
		return formFloat
	case reflect.String:
		return formString
	case reflect.Slice:
		if e := t.Elem(); e.Kind() == reflect.Uint8 && !implements[json.Marshaler](e) && !implements[encoding.TextMarshaler](e) {
			return formBytes
		}
		return formList
	case reflect.Array:
		return formArray
	case reflect.Map:
		return formMap
	case reflect.Struct:
		return formStruct
	case reflect.Pointer:
		return formPointer
	case reflect.Interface:
		return formAny
	}
	return formNone
}

// marshals sets the forms of a type that marshals itself, by the rules of encoding/json.
func (p *plan) marshals() {
	t, ptr := p.typ, reflect.PointerTo(p.typ)
	if p.write == formAny || p.write == formPointer { // the values in them do
		return
	}
	switch {
	case implements[Object](t):
		p.write = formObject
	case implements[json.Marshaler](t):
		p.write = formJSON
	case implements[json.Marshaler](ptr):
		p.write = formJSONPtr
	case implements[encoding.TextMarshaler](t):
		p.write = formText
	case implements[encoding.TextMarshaler](ptr):
		p.write = formTextPtr
	}
	switch {
	case implements[json.Unmarshaler](ptr):
		p.read = formJSONPtr
	case implements[encoding.TextUnmarshaler](ptr):
		p.read = formTextPtr
	}
	if p.write >= formJSON {
		switch {
		case t.Name() == "UUID" && t.Kind() == reflect.Array:
			p.kind = "uuid"
		case t.Name() == "Decimal":
			p.kind = "decimal"
		}
	}
	p.number = strings.HasSuffix(t.Name(), "Decimal") || t.PkgPath() == "math/big"
}

func implements[I any](t reflect.Type) bool { return t.Implements(reflect.TypeFor[I]()) }

// fields finds the fields of p's struct and of structs that it embeds, by the rules of
// encoding/json: of fields with the same name, the least nested one is used; of several at that
// level the one with a tag; otherwise none.
func (s *plans) fields(p *plan, made map[reflect.Type]*plan) {
	type level struct {
		typ      reflect.Type
		index    []int
		optional bool // embedded by a pointer, which may be nil
	}
	seen := map[reflect.Type]bool{}
	taken := map[string]bool{}
	for next := []level{{typ: p.typ}}; len(next) > 0; {
		var found []field
		levels := next
		next = nil
		for _, l := range levels {
			seen[l.typ] = true
		}
		for _, l := range levels {
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				index := append(slices.Clone(l.index), i)
				f, embedded := newField(sf, index)
				switch {
				case embedded == nil && f.name != "":
					f.plan = s.make(sf.Type, made)
					f.optional = f.optional || l.optional
					found = append(found, f)
				case embedded != nil && !seen[embedded]:
					next = append(next, level{embedded, index, l.optional || sf.Type.Kind() == reflect.Pointer})
				}
			}
		}
		for _, f := range dominant(found) {
			if !taken[f.name] {
				p.fields = append(p.fields, f)
			}
		}
		for _, f := range found {
			taken[f.name] = true
		}
	}
	slices.SortFunc(p.fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	p.byName = make(map[string]int, len(p.fields))
	p.always = true
	for i, f := range p.fields {
		p.byName[f.name] = i
		p.always = p.always && !f.omitEmpty && !f.omitZero && len(f.index) == 1
	}
}

// member returns the index of the field called name, or -1. Like encoding/json, it falls back to a
// name in another case.
func (p *plan) member(name []byte) int {
	if i, ok := p.byName[string(name)]; ok {
		return i
	}
	for i := range p.fields {
		if strings.EqualFold(p.fields[i].name, string(name)) {
			return i
		}
	}
	return -1
}

// A field is a field of a struct that is encoded as a member of an object.
type field struct {
	name      string
	index     []int // for reflect; longer than 1 in an embedded struct
	plan      *plan
	tagged    bool // the name is from the tag
	omitEmpty bool
	omitZero  bool
	quoted    bool // a number, bool or string, encoded as JSON in a string

	optional bool   // [DecodeStrict] does not require it
	fallback []byte // its default, in JSON; nil if that is the zero value

	rule   *constraint.Rule // its constraints; nil if it has none
	secret bool             // it is sensitive
}

// newField returns sf as a member, or the type of an embedded struct whose fields are members. If
// sf is neither, the name of the field is empty.
func newField(sf reflect.StructField, index []int) (f field, embedded reflect.Type) {
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return field{}, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	t := sf.Type
	if sf.Anonymous && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if sf.Anonymous && name == "" && t.Kind() == reflect.Struct && known[t] == formNone {
		return field{}, t
	}
	if !sf.IsExported() {
		return field{}, nil
	}
	f = field{name: name, index: index, tagged: name != ""}
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		case "string":
			t := sf.Type
			if t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			switch basic(t) {
			case formBool, formInt, formUint, formFloat, formString:
				f.quoted = true
			}
		}
	}
	f.optional = f.omitEmpty || f.omitZero || sf.Type.Kind() == reflect.Pointer
	if literal, ok := sf.Tag.Lookup("default"); ok {
		f.optional, f.fallback = true, fallback(literal)
	}
	f.rule, _ = constraint.Of(sf.Tag, sf.Type) // package service reports mistakes
	f.secret = sf.Tag.Get("sensitive") == "true"
	return f, nil
}

// fallback returns a default, which is a Python literal, in JSON. Package service reports one that
// is malformed, or does not fit, when it binds a method.
func fallback(literal string) []byte {
	v, err := signature.Literal(literal)
	if err != nil {
		return nil
	}
	w := new(jsonWriter)
	e := encoder{w: w, plans: new(plans)} // those of the codec are locked while this one is made
	if e.any(v) != nil {
		return nil
	}
	return w.data
}

// dominant returns the fields in found, which are at one level of embedding, that are not hidden by
// others of the same name.
func dominant(found []field) (list []field) {
	for i, f := range found {
		rivals := func(g field) bool {
			return g.name == f.name && !slices.Equal(g.index, f.index) && (g.tagged || !f.tagged)
		}
		if !slices.ContainsFunc(found, rivals) {
			list = append(list, found[i])
		}
	}
	return list
}

// of returns the value of f in the struct v. It is the zero reflect.Value if an embedded pointer is
// nil.
func (f *field) of(v reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return v.Field(f.index[0])
	}
	for i, at := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(at)
	}
	return v
}

// reach is like of, but allocates embedded structs whose pointer is nil.
func (f *field) reach(v reflect.Value) (reflect.Value, error) {
	if len(f.index) == 1 {
		return v.Field(f.index[0]), nil
	}
	for i, at := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, valueErrorf("embedded %s is nil and not exported", v.Type())
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(at)
	}
	return v, nil
}

// omitted reports whether f is not encoded because of its value v.
func (f *field) omitted(v reflect.Value) bool {
	switch {
	case !v.IsValid():
		return true
	case f.omitZero && isZero(v):
		return true
	case !f.omitEmpty:
		return false
	}
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// isZero calls v's method IsZero, if it has one.
func isZero(v reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return true
	}
	if v.CanInterface() {
		if z, ok := v.Interface().(zeroer); ok {
			return z.IsZero()
		}
		if v.CanAddr() {
			if z, ok := v.Addr().Interface().(zeroer); ok {
				return z.IsZero()
			}
		}
	}
	return v.IsZero()
}
