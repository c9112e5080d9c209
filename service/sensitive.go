package service

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/signature"
)

// Redacted is printed in place of a sensitive argument, as in Nameko.
const Redacted = "********"

// sensitivePath is a path in Nameko's notation to a sensitive part of an argument:
// user.cards[0].number.
var sensitivePath = regexp.MustCompile(`^([\pL_][\pL\pN_]*)(\.[\pL_][\pL\pN_]*|\[\d+\])*$`)

// hide marks the parameters listed in the key sensitive of the row's tag, which are paths separated
// by commas. Errors show an argument as a whole, so all of it is hidden.
func (m *method) hide(list string) error {
	var mistakes []error
	for path := range strings.SplitSeq(list, ",") {
		path = strings.TrimSpace(path)
		found := sensitivePath.FindStringSubmatch(path)
		if found == nil {
			mistakes = append(mistakes, fmt.Errorf(`sensitive: %q is not an argument or a part of one: write sensitive:"password, user.cards[0]"`, path))
			continue
		}
		i, names := -1, make([]string, len(m.sig.Params))
		for j, p := range m.sig.Params {
			names[j] = p.Name
			if p.Name == found[1] {
				i = j
			}
		}
		switch {
		case i >= 0:
			m.slots[i].hidden, m.slots[i].nested = true, false
		case m.sig.Has(signature.Options): // it may be among them
			for j, p := range m.sig.Params {
				if p.Kind == signature.Options {
					m.slots[j].hidden, m.slots[j].nested = true, false
				}
			}
		default:
			remedy := "its arguments are " + strings.Join(names, ", ")
			if len(names) == 0 {
				remedy = "it has none"
			} else if near := nearest.Likely(found[1], names); near != "" {
				remedy = "did you mean " + near + "?"
			}
			mistakes = append(mistakes, fmt.Errorf("sensitive: %s is not an argument of %s: %s", found[1], m.sig, remedy))
		}
	}
	return errors.Join(mistakes...)
}

// holdsSensitive reports whether a value of t has, at any depth, a field with the tag
// sensitive:"true".
func holdsSensitive(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] { // type tree map[string]tree
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSensitive(t.Elem(), seen)
	case reflect.Struct:
	default:
		return false
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("sensitive") == "true" || holdsSensitive(f.Type, seen) {
			return true
		}
	}
	return false
}
