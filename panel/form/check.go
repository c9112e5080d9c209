package form

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/constraint"
)

// maxCheckDepth limits how deep values are checked. The worker checks the rest.
const maxCheckDepth = 100

// maxFaults limits the faults that a check finds, as in a worker.
const maxFaults = 100

// A check validates values against their shapes. It decodes and validates numbers and texts with
// the same code as the worker.
type check struct {
	faults []Fault
}

// add adds a fault at a place, whose steps are outermost first.
func (c *check) add(place []string, message string) {
	if len(c.faults) < maxFaults {
		inner := slices.Clone(place)
		slices.Reverse(inner)
		c.faults = append(c.faults, Fault{Pointer: constraint.Pointer(inner), Message: message})
	}
}

// value checks a value in JSON.
func (c *check) value(s *shape, raw []byte, place []string) {
	if len(place) > maxCheckDepth {
		return
	}
	found := codec.JSON.Kind(raw)
	if found == codec.KindNull && (s.nullable || s.kind == kindJSON && (len(s.types) == 0 || slices.Contains(s.types, "null"))) {
		return
	}
	switch s.kind {
	case kindJSON:
		if len(s.types) > 0 && !slices.ContainsFunc(s.types, func(t string) bool { return isType(t, found) }) {
			c.add(place, "must be "+strings.Join(spellTypes(s.types), " or "))
		}
	case kindBool:
		if found != codec.KindBool {
			c.add(place, "must be yes or no")
		}
	case kindObject:
		c.object(s, raw, place)
	case kindList:
		c.list(s, raw, place)
	case kindMap:
		c.entries(s, raw, place)
	default:
		for _, message := range s.leaf.faults(raw) {
			c.add(place, message)
		}
	}
}

func (c *check) object(s *shape, raw []byte, place []string) {
	members, err := codec.JSON.Map(raw)
	if err != nil {
		c.add(place, "must be an object")
		return
	}
	found := map[string][]byte{}
	for _, m := range members {
		found[m.Name] = m.Value
	}
	for _, m := range s.members {
		inner := append(slices.Clip(place), m.name)
		if value, ok := found[m.name]; ok {
			c.value(m.shape, value, inner)
		} else if m.required {
			c.add(inner, "is required")
		}
	}
}

func (c *check) list(s *shape, raw []byte, place []string) {
	elements, err := codec.JSON.List(raw)
	if err != nil {
		c.add(place, "must be a list")
		return
	}
	if s.most != nil && len(elements) > *s.most {
		c.add(place, "must have at most "+strconv.Itoa(*s.most)+" elements")
	}
	for i, one := range elements {
		if len(c.faults) >= maxFaults {
			return
		}
		c.value(s.elem, one, append(slices.Clip(place), strconv.Itoa(i)))
	}
}

func (c *check) entries(s *shape, raw []byte, place []string) {
	members, err := codec.JSON.Map(raw)
	if err != nil {
		c.add(place, "must be an object")
		return
	}
	for _, m := range members {
		if len(c.faults) >= maxFaults {
			return
		}
		inner := append(slices.Clip(place), m.Name)
		if s.keys != nil {
			name, _ := codec.JSON.Encode(m.Name) // never fails for a string
			for _, message := range s.keys.faults(name) {
				c.add(inner, "its name "+message)
			}
		}
		c.value(s.elem, m.Value, inner)
	}
}

// typeNames maps the types of JSON Schema to the kinds of values and to names for users.
var typeNames = map[string]struct {
	kind codec.Kind
	name string
}{
	"null": {codec.KindNull, "null"}, "boolean": {codec.KindBool, "true or false"}, "number": {codec.KindNumber, "a number"},
	"integer": {codec.KindNumber, "a whole number"}, "string": {codec.KindString, "a text in quotes"},
	"array": {codec.KindList, "a list"}, "object": {codec.KindObject, "an object"},
}

func isType(name string, k codec.Kind) bool { return typeNames[name].kind == k }

func spellTypes(types []string) (spelled []string) {
	for _, one := range types {
		if name := typeNames[one].name; name != "" {
			spelled = append(spelled, name)
		}
	}
	return spelled
}
