package codec

import (
	"reflect"
	"slices"
	"strings"
)

// A field is one of a struct's that is a member of its object.
type field struct {
	name      string
	index     []int
	plan      *plan
	tagged    bool
	omitEmpty bool
	omitZero  bool
	quoted    bool // a number or bool in a string
}

// newField returns what the struct field sf is: a member, a struct whose fields are, or neither.
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
	return f, nil
}

// dominant returns of fields at one level those whose name is theirs alone, or that alone have a tag for it.
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

// of returns f's value in the struct v, invalid if that is behind a nil.
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

// reach is of, and makes what is behind a nil.
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

// omitted reports whether the member with the value v is left out.
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

// isZero asks the IsZero of a value that has one.
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
