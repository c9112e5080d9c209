package constraint

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A Rule contains the constraints of a field. For a list, a map or a pointer, they apply to its
// elements, at any depth.
type Rule struct {
	Keywords

	leaf   leaf
	checks []check
}

// A check is one constraint. Its test is stateless, and does not allocate.
type check struct {
	test    func(v reflect.Value) bool
	message string
}

// Check adds a fault for each constraint that v, a value of the field's type, breaks. A nil pointer
// breaks none.
func (r *Rule) Check(v reflect.Value, to *Faults) {
	if to.Full() {
		return
	}
	if r.leaf.typ == v.Type() {
		for i := range r.checks {
			if c := &r.checks[i]; !c.test(v) {
				to.add(c.message)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.Check(v.Elem(), to)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			from := to.Len()
			r.Check(v.Index(i), to)
			if to.Len() > from {
				to.Below(from, strconv.Itoa(i))
			}
		}
	case reflect.Map:
		r.checkMap(v, to)
	}
}

// checkMap checks the values of a map, and sorts the faults by key.
func (r *Rule) checkMap(v reflect.Value, to *Faults) {
	began := to.Len()
	for members := v.MapRange(); members.Next(); {
		from := to.Len()
		r.Check(members.Value(), to)
		if to.Len() > from {
			to.Below(from, keyText(members.Key()))
		}
	}
	slices.SortStableFunc(to.found[began:], func(a, b found) int {
		return cmp.Compare(a.steps[len(a.steps)-1], b.steps[len(b.steps)-1])
	})
}

// keyText returns the member name for a key of a map.
func keyText(key reflect.Value) string {
	if key.Kind() == reflect.String {
		return key.String()
	}
	if m, ok := key.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return string(text)
		}
	}
	switch {
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10)
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10)
	}
	return fmt.Sprint(key.Interface())
}

// length returns the number of characters of a string. A lone surrogate, which Python can send,
// counts as one.
func length(s string) int {
	n := utf8.RuneCountInString(s)
	for i := 0; i+2 < len(s); i++ {
		if s[i] == 0xED && s[i+1] >= 0xA0 && s[i+1] <= 0xBF && s[i+2]&0xC0 == 0x80 {
			n -= 2 // it was counted as three characters
		}
	}
	return n
}
