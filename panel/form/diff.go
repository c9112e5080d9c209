package form

import (
	"encoding/json"
	"slices"
	"strings"
)

// A Change is a difference between a row and an earlier version of it.
type Change struct {
	// Pointer is the JSON Pointer of the parameter, or of a member in it. * stands for all rows of
	// a list or a map.
	Pointer string

	// Was and Is describe the values before and after, such as "optional whole number, from 1 to
	// 10". Was is empty for a new parameter or member, Is for a removed one.
	Was, Is string
}

// String returns the change as a sentence without a full stop.
func (c Change) String() string {
	switch {
	case c.Was == "":
		return c.Pointer + " is new: " + c.Is
	case c.Is == "":
		return c.Pointer + " is gone: it was " + c.Was
	}
	return c.Pointer + " has changed: it was " + c.Was + ", and is " + c.Is
}

// Limits of the comparison.
const (
	maxOutline      = 200
	maxOutlineDepth = 5
	maxOutlineBytes = 32 << 10
)

// Diff returns how a row has changed, in the order of its parameters: first those in the new row,
// then those that were removed.
func Diff(before, after *Form) []Change { return compare(before.outline(), after.outline()) }

// Compare sets [Input.Changes] to the changes of the row since a browser received a form with this
// signature, the value of its input signature:. It reports whether the row has changed.
func (in *Input) Compare(signature string) bool {
	changes := in.form.changes(signature)
	if len(changes) > 0 {
		in.changes = changes
	}
	return len(changes) > 0
}

// changes returns how the row has changed since the browser received a form with this signature.
func (f *Form) changes(signature string) []Change {
	var before [][2]string
	if json.Unmarshal([]byte(signature), &before) != nil || len(before) > maxOutline {
		return nil // not one of ours
	}
	for i := range before {
		before[i][0], before[i][1] = text(before[i][0], maxHelp), text(before[i][1], maxHelp)
	}
	return compare(before, f.outline())
}

// signature returns the signature of a form, which describes its row, for the browser.
func (f *Form) signature() string {
	data, _ := json.Marshal(f.outline()) // never fails for strings
	return string(data)
}

func compare(before, after [][2]string) (all []Change) {
	was := map[string]string{}
	for _, one := range before {
		was[one[0]] = one[1]
	}
	is := map[string]bool{}
	for _, one := range after {
		is[one[0]] = true
		if old := was[one[0]]; old != one[1] {
			all = append(all, Change{one[0], old, one[1]})
		}
	}
	for _, one := range before {
		if !is[one[0]] {
			all = append(all, Change{Pointer: one[0], Was: one[1]})
		}
	}
	return all
}

// outline returns the places in the arguments, each with a description of its values.
func (f *Form) outline() (all [][2]string) {
	size := 0
	within := map[*shape]bool{} // shapes that the walk is inside
	var walk func(s *shape, place []string)
	walk = func(s *shape, place []string) {
		if len(place) > maxOutlineDepth || within[s] {
			return
		}
		within[s] = true
		defer delete(within, s)
		for _, m := range s.members {
			if len(all) == maxOutline || size > maxOutlineBytes {
				return
			}
			needed := "optional "
			if m.required {
				needed = "required "
			}
			at := append(slices.Clip(place), m.name)
			one := [2]string{pointer(at), needed + m.shape.spell(0)}
			all, size = append(all, one), size+len(one[0])+len(one[1])
			inner := m.shape
			for inner.elem != nil && len(at) <= maxOutlineDepth {
				inner, at = inner.elem, append(at, "*")
			}
			walk(inner, at)
		}
	}
	walk(f.root, nil)
	return all
}

// spell returns a description of a shape's values.
func (s *shape) spell(depth int) string {
	if depth > maxOutlineDepth {
		return "…"
	}
	var spelled string
	switch s.kind {
	case kindJSON:
		spelled = "JSON"
		if len(s.types) > 0 {
			spelled += " of " + strings.Join(s.types, " or ")
		}
		return spelled
	case kindBool:
		spelled = "yes or no"
	case kindChoice:
		spelled = "one of"
		for i, o := range s.leaf.options {
			if i == 20 {
				spelled += " …"
				break
			}
			spelled += " " + text(o.raw, maxLabel)
		}
	case kindNumber:
		if spelled = "number"; s.leaf.whole {
			spelled = "whole number"
		}
	case kindText:
		spelled = strings.TrimSpace(s.leaf.format + " text")
	case kindDateTime:
		spelled = "date and time"
	case kindDate:
		spelled = "date"
	case kindTime:
		spelled = "time of day"
	case kindObject:
		spelled = "group"
	case kindList:
		spelled = "list of " + s.elem.spell(depth+1)
	case kindMap:
		spelled = "map of " + s.elem.spell(depth+1)
	}
	if limits := s.leaf.describe(); limits != "" {
		spelled += ", " + limits
	}
	if s.nullable && s.elem == nil {
		spelled += ", or null"
	}
	return spelled
}
