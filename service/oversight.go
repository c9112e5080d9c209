package service

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/inject"
	"github.com/gomeko/gomeko/internal/nearest"
)

// oversight returns an error if a field that nothing sets was probably meant to be set, or to be
// the table. v is its value.
func (b *binder) oversight(f reflect.StructField, v reflect.Value) error {
	if err := misspeltInject(f.Tag); err != nil {
		return err
	}
	remedy := `add inject:"" to its tag`
	if !f.IsExported() {
		remedy = fmt.Sprintf("rename it to %s, and %s", exported(f.Name), remedy)
	}
	switch {
	case f.Name == "_":
		return nil
	case hasRows(f.Type):
		return errors.New("has rows, but only a field with the name Entrypoints is the table: rename it to Entrypoints")
	case !v.IsZero():
		return nil
	case isFuncs(f.Type):
		return fmt.Errorf("is a struct of funcs that nothing sets: to make it a typed client, add the field _ rpc.Client `rpc:\"%s\"` to %s",
			strings.ToLower(f.Name), strings.TrimPrefix(f.Type.String(), "*"))
	case nameable(f.Type) && b.app.Provides(f.Type):
		return fmt.Errorf("nothing sets it, although the application provides %s: %s", f.Type, remedy)
	}
	return nil
}

// misspeltInject returns an error if a tag was probably meant to have the key inject. Fields of a
// service may have other keys, for other packages.
func misspeltInject(text reflect.StructTag) error {
	tag, _ := ParseTag(string(text))
	for _, p := range tag.pairs {
		if _, edits := nearest.Name(p.key, []string{inject.Tag}); edits == 1 {
			return fmt.Errorf("unknown key %s in its tag: did you mean %s?", p.key, inject.Tag)
		}
	}
	return nil
}

// injects reports whether t is a struct, or points to one, that has fields to inject.
func injects(t reflect.Type) bool {
	return slices.ContainsFunc(fieldsOf(t), func(f reflect.StructField) bool {
		_, ok := f.Tag.Lookup(inject.Tag)
		return ok
	})
}

// hasRows reports whether t is a struct, or points to one, that has entrypoints.
func hasRows(t reflect.Type) bool {
	return slices.ContainsFunc(fieldsOf(t), func(f reflect.StructField) bool { return implements(f.Type, entrypointType) })
}

// isFuncs reports whether t is a struct, or points to one, of funcs that make calls.
func isFuncs(t reflect.Type) bool {
	fields := fieldsOf(t)
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(f reflect.StructField) bool {
		return f.Type.Kind() != reflect.Func || f.Type.NumIn() == 0 || f.Type.In(0) != contextType ||
			f.Type.NumOut() == 0 || f.Type.Out(f.Type.NumOut()-1) != errorType
	})
}

// fieldsOf returns the fields of a struct, or of the one that t points to.
func fieldsOf(t reflect.Type) (fields []reflect.StructField) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		fields = append(fields, t.Field(i))
	}
	return fields
}

// nameable reports whether a value of t in the application may be meant for a field of that type,
// which is not so for predeclared types such as int or error.
func nameable(t reflect.Type) bool {
	return t.PkgPath() != "" || slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan}, t.Kind())
}
