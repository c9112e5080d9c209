package constraint

import (
	"fmt"
	"reflect"
)

// Within reports whether a value of type t contains, at any depth, fields with constraints. It also
// returns an error for each mistake in these constraints, which names the type and the field. It
// skips types that are in seen, and adds those that it visits.
func Within(t reflect.Type, seen map[reflect.Type]bool) (constrained bool, mistakes []error) {
	if seen[t] || DecodesItself(t) {
		return false, nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return Within(t.Elem(), seen)
	case reflect.Struct:
	default:
		return false, nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous || f.Tag.Get("json") == "-" {
			continue
		}
		rule, err := Of(f.Tag, f.Type)
		for _, mistake := range Split(err) {
			mistakes = append(mistakes, fmt.Errorf("%s.%s: %w", t, f.Name, mistake))
		}
		inner, further := Within(f.Type, seen)
		constrained = constrained || rule != nil || inner
		mistakes = append(mistakes, further...)
	}
	return constrained, mistakes
}

// Split returns the errors that err joins. err must come from [Of] or errors.Join.
func Split(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only errors.Join's own
		return joined.Unwrap()
	}
	return []error{err}
}

// Default returns an error if the default of a field breaks the field's rule, which may be nil. t
// is the type of the field, and set sets a value to the default.
func (r *Rule) Default(t reflect.Type, set func(reflect.Value)) error {
	if r == nil {
		return nil
	}
	var broken Faults
	v := reflect.New(t).Elem()
	set(v)
	if r.Check(v, &broken); broken.Len() == 0 {
		return nil
	}
	return fmt.Errorf("default: breaks a constraint of the field: it %s", broken.found[0].message)
}
