package service

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Name makes a struct a service. The tag of the blank field is the service's name on the wire:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//		…
//	}
//
// The name is the first part of orders.get_order, and may contain dots.
type Name struct{}

// CheckName returns an error if a service cannot have the name: because it has characters that must
// not appear in queue names and binding keys, which are spaces, the wildcards * and #, and
// unprintable characters, or because a part between its dots is empty. It is for extensions whose
// tags name services.
func CheckName(name string) error {
	unfit := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("*#\ufffd", r)
	}
	at := strings.IndexFunc(name, unfit)
	var why string
	switch {
	case at >= 0:
		why = fmt.Sprintf("contains %q", []rune(name[at:])[0])
	case slices.Contains(strings.Split(name, "."), ""):
		why = "has a dot at its beginning or end, or two in a row"
	default:
		return nil
	}
	fit := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '.' || unfit(r) }), "_")
	if fit == "" {
		fit = "orders"
	}
	return fmt.Errorf("%q cannot be the name of a service, since it %s: write a name such as %s", name, why, fit)
}
