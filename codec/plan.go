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
)

// A plan is how the values of one type are written and read, found out once.
type plan struct {
	typ    reflect.Type
	write  form
	read   form
	kind   string  // of the envelope of what marshals itself: uuid, decimal
	elem   *plan   // of a pointer, a list or a map
	fields []field // of a struct
	byName map[string]int
	always bool // every field is always written
}

// A form is what a type's values are to a codec.
type form uint8

const (
	formNone form = iota // no value: a func, a channel
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

	// Types that are known.
	formNumber
	formRaw
	formBig
	formTime
	formDate
	formTimeOfDay
	formDecimal
	formObject

	// Types that marshal themselves; the pointer to them does in those called Ptr.
	formJSON
	formJSONPtr
	formText
	formTextPtr
)

var known = map[reflect.Type]form{
	reflect.TypeFor[json.Number]():     formNumber,
	reflect.TypeFor[json.RawMessage](): formRaw,
	reflect.TypeFor[big.Int]():         formBig,
	reflect.TypeFor[time.Time]():       formTime,
	reflect.TypeFor[Date]():            formDate,
	reflect.TypeFor[TimeOfDay]():       formTimeOfDay,
	reflect.TypeFor[Decimal]():         formDecimal,
}

// plans remembers the plans of types.
type plans struct {
	known sync.Map // of *plan by reflect.Type
	mu    sync.Mutex
}

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

// make returns the plan of t, and adds it and those that it needs to made.
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

// basic returns the form of a type that does not marshal itself.
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

// marshals changes the forms of a type that marshals itself, as encoding/json sees it.
func (p *plan) marshals() {
	t, ptr := p.typ, reflect.PointerTo(p.typ)
	if p.write == formAny || p.write == formPointer { // what is in them does
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
}

func implements[I any](t reflect.Type) bool { return t.Implements(reflect.TypeFor[I]()) }

// fields finds the fields of p's struct and of those embedded in it, by the rules of encoding/json: of several of one
// name that nearest to the surface counts, then that which has a tag, else none.
func (s *plans) fields(p *plan, made map[reflect.Type]*plan) {
	type level struct {
		typ   reflect.Type
		index []int
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
					found = append(found, f)
				case embedded != nil && !seen[embedded]:
					next = append(next, level{embedded, index})
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

// member returns the index of the field that is called name, as encoding/json finds it; -1 if there is none.
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
