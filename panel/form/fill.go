package form

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/gomeko/gomeko/codec"
)

// Fill returns the form with the arguments of an earlier call, to run it again with the same or
// other arguments. They are a JSON object by the names of the parameters, as returned by
// [Input.Arguments]. Values that no longer fit are marked, and [Input.Changes] has the arguments
// that the row no longer takes. Sensitive values are omitted, and must be entered again.
func (f *Form) Fill(arguments json.RawMessage) *Input {
	in := f.input()
	members, err := codec.JSON.Map(arguments)
	if err != nil || len(arguments) > maxBytes {
		in.mark("cannot show the arguments of the earlier run")
	}
	found := map[string][]byte{}
	for _, m := range members {
		found[m.Name] = m.Value
	}
	for _, n := range in.root.children {
		in.fill(n, found[n.name])
		delete(found, n.name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		in.gone([]string{name})
	}
	in.Arguments() // marks what no longer fits
	return in
}

// gone records an argument that has no field.
func (in *Input) gone(place []string) {
	if len(in.changes) < maxFaults {
		in.changes = append(in.changes, Change{Pointer: pointer(place), Was: "an argument of the earlier run"})
	}
}

// blank makes n a group that was added, with the defaults of its members.
func (in *Input) blank(n *node) {
	in.members(n)
	for _, child := range n.children {
		in.fill(child, nil)
	}
}

// fill fills n with a JSON value or, if value is nil, with its default.
func (in *Input) fill(n *node, value []byte) {
	if value == nil {
		if value = n.fallback; value == nil || string(value) == "null" && !slices.Contains(n.empties(), emptyNull) {
			if n.shape.kind == kindObject && !n.raw && !n.optional {
				in.blank(n)
			}
			return
		}
	}
	s := n.shape
	found := codec.JSON.Kind(value)
	switch {
	case found == codec.KindNull && slices.Contains(n.empties(), emptyNull):
		n.empty = emptyNull
		return
	case s.secret && (found != codec.KindObject || s.kind != kindObject):
		if s.kind == kindObject && !n.raw && !n.optional {
			in.blank(n)
		}
		return
	}
	before := in.fields
	if !n.raw && in.fits(n, value, found) && (n.isLeaf() || in.fields <= maxFields) {
		return
	}
	if !n.isLeaf() {
		in.fields = before // the group is too large for fields
	}
	n.raw, n.optional, n.present, n.children = true, false, false, nil
	if n.text = indent(value); s.secret {
		n.text = ""
	}
}

// maxIndent limits the depth of JSON that is shown on several lines, because indentation must not
// outgrow the JSON.
const maxIndent = 20

// indent returns JSON on several lines.
func indent(value []byte) string {
	depth := 0
	for _, c := range value {
		switch c {
		case '[', '{':
			if depth++; depth > maxIndent {
				return string(value)
			}
		case ']', '}':
			depth--
		}
	}
	var b bytes.Buffer
	if json.Indent(&b, value, "", "  ") != nil {
		return string(value)
	}
	return b.String()
}

// fits fills n with a value, and reports whether its inputs can hold it.
func (in *Input) fits(n *node, value []byte, found codec.Kind) bool {
	switch n.shape.kind {
	case kindObject:
		return found == codec.KindObject && in.fillMembers(n, value)
	case kindList:
		return found == codec.KindList && in.fillList(n, value)
	case kindMap:
		return found == codec.KindObject && in.fillMap(n, value)
	case kindBool:
		n.text = string(bytes.TrimSpace(value))
		return found == codec.KindBool
	case kindNumber:
		n.text = string(bytes.TrimSpace(value))
		return found == codec.KindNumber && json.Valid(value)
	case kindChoice:
		raw := string(bytes.TrimSpace(value))
		i := slices.IndexFunc(n.shape.leaf.options, func(o option) bool { return o.raw == raw })
		if i < 0 {
			return false
		}
		n.text = n.shape.leaf.options[i].text
		return true
	}
	if found == codec.KindNumber && n.shape.leaf.format == "decimal" && json.Valid(value) {
		n.text = string(bytes.TrimSpace(value))
		return true
	}
	var s string
	if found != codec.KindString || codec.JSON.Decode(value, &s) != nil || !writable(s) {
		return false
	}
	switch n.shape.kind {
	case kindDateTime:
		n.pick(s)
	case kindDate:
		n.text = strings.TrimSuffix(s, "T00:00:00")
	default:
		n.text = s
	}
	if s == "" && slices.Contains(n.empties(), emptyText) {
		n.empty = emptyText
		return true
	}
	return s != ""
}

// writable reports whether a browser sends a text back without changes.
func writable(s string) bool {
	return isValid(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

func (in *Input) fillMembers(n *node, value []byte) bool {
	members, err := codec.JSON.Map(value)
	if err != nil {
		return false
	}
	in.members(n)
	found := map[string][]byte{}
	for _, m := range members {
		found[m.Name] = m.Value
	}
	for _, child := range n.children {
		in.fill(child, found[child.name])
		delete(found, child.name)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		in.gone(append(n.place(), name))
	}
	return true
}

func (in *Input) fillList(n *node, value []byte) bool {
	elements, err := codec.JSON.List(value)
	if err != nil || len(elements) > n.limit() {
		return false
	}
	for _, one := range elements {
		in.fill(in.row(n, ""), one)
	}
	if len(elements) == 0 {
		n.empty = emptyList
	}
	return true
}

func (in *Input) fillMap(n *node, value []byte) bool {
	members, err := codec.JSON.Map(value)
	if err != nil || len(members) > n.limit() {
		return false
	}
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.Name] || !writable(m.Name) || strings.Contains(m.Name, "\n") {
			return false
		}
		seen[m.Name] = true
		in.fill(in.row(n, m.Name), m.Value)
	}
	if len(members) == 0 {
		n.empty = emptyList
	}
	return true
}
