package codec

import (
	"reflect"
	"slices"
	"strings"
)

// A field is a field of a struct that is encoded as a member of an object.
type field struct {
	name      string
	index     []int // for reflect; longer than 1 in an embedded struct
	plan      *plan
	tagged    bool // the name is from the tag
	omitEmpty bool
	omitZero  bool
	quoted    bool // a number, bool or string, encoded as JSON in a string
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
	return f, nil
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
