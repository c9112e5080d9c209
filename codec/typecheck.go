package codec

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// CheckEncode returns an error for each part of t whose values can never be encoded: a func, a
// chan, a complex number, a map with such keys, and each exported field of such a type. A field
// with omitempty or omitzero may have any type, since it can be left out, and an interface may have
// any value. The errors begin with what and name, which say what t is the type of, such as
// "parameter" and "user"; without a name, t's own is used. If s has a codec that was
// not made by [New], CheckEncode returns nil, because that codec may encode any type.
func (s Set) CheckEncode(what, name string, t reflect.Type) error {
	return s.check(what, name, t, false)
}

// CheckDecode is like [Set.CheckEncode], for types whose values can never be decoded. An interface
// with methods is one of them.
func (s Set) CheckDecode(what, name string, t reflect.Type) error {
	return s.check(what, name, t, true)
}

func (s Set) check(what, name string, t reflect.Type, decode bool) error {
	var plans *plans
	for _, c := range s {
		own, ok := c.(*values)
		if !ok {
			return nil
		}
		plans = &own.plans
	}
	if plans == nil {
		return nil
	}
	check := typeCheck{decode: decode, seen: map[*plan]bool{}}
	check.plan(plans.of(t), t, nil)
	var all []error
	for _, m := range check.mistakes {
		all = append(all, m.in(what, name, t))
	}
	return errors.Join(all...)
}

// A typeCheck finds the parts of a type that can never be encoded or decoded.
type typeCheck struct {
	decode   bool
	seen     map[*plan]bool
	mistakes []typeMistake
}

// A typeMistake is a part of a type that can never be encoded or decoded.
type typeMistake struct {
	path        []string // the names of fields, outermost first
	why, remedy string
}

// plan checks p, which is the plan of t or of what t has as its elements.
func (c *typeCheck) plan(p *plan, t reflect.Type, path []string) {
	if c.seen[p] {
		return
	}
	form, verb, convert := p.write, "encoded", "MarshalText"
	if c.decode {
		form, verb, convert = p.read, "decoded", "UnmarshalText"
	}
	remedy := "use a type that holds data"
	if len(path) > 0 {
		remedy = `tag it json:"-"`
	}
	switch form {
	case formNone:
		c.add(path, t, "which cannot be "+verb, remedy)
	case formAny:
		if c.decode && p.typ.NumMethod() > 0 {
			c.add(path, t, "an interface with methods, which cannot be decoded", "use any, or a type that is not an interface")
		}
	case formMap:
		if key := p.typ.Key(); !c.key(key) {
			c.add(path, t, "whose keys cannot be "+verb, fmt.Sprintf("use keys that are strings, numbers or bools, or give %s the method %s", key, convert))
		}
		c.element(p, t, path)
	case formPointer, formList, formArray:
		c.element(p, t, path)
	case formStruct:
		c.seen[p] = true
		for i := range p.fields {
			if f := &p.fields[i]; !c.spared(f) {
				sf := p.typ.FieldByIndex(f.index)
				c.plan(f.plan, sf.Type, append(path[:len(path):len(path)], sf.Name))
			}
		}
	}
}

// element checks the elements of p, which may be of p's own type.
func (c *typeCheck) element(p *plan, t reflect.Type, path []string) {
	c.seen[p] = true
	c.plan(p.elem, t, path)
	c.seen[p] = false // for other fields of this type
}

// spared reports whether f has no data of its own and can be left out.
func (c *typeCheck) spared(f *field) bool {
	return (f.omitEmpty || f.omitZero) && (f.plan.write == formNone || f.plan.write == formAny)
}

// key reports whether keys of this type can be encoded, or decoded.
func (c *typeCheck) key(t reflect.Type) bool {
	if c.decode && implements[encoding.TextUnmarshaler](reflect.PointerTo(t)) || !c.decode && implements[encoding.TextMarshaler](t) {
		return true
	}
	switch basic(t) {
	case formString, formBool, formInt, formUint, formFloat:
		return true
	case formAny:
		return !c.decode || t.NumMethod() == 0
	}
	return false
}

func (c *typeCheck) add(path []string, t reflect.Type, why, remedy string) {
	article := "a"
	if strings.ContainsRune("aeiou", rune(t.String()[0])) {
		article = "an"
	}
	c.mistakes = append(c.mistakes, typeMistake{path, fmt.Sprintf("is %s %s, %s", article, t, why), remedy})
}

// in returns the error of m in the type t of what has this name.
func (m *typeMistake) in(what, name string, t reflect.Type) error {
	if name == "" && len(m.path) > 0 {
		for t.Name() == "" && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map) {
			t = t.Elem()
		}
		name = t.Name()
	}
	parts := m.path
	if name != "" {
		parts = append([]string{name}, parts...)
	}
	if len(parts) > 0 {
		what += " " + strings.Join(parts, ".")
	}
	return fmt.Errorf("%s %s: %s", what, m.why, m.remedy)
}
