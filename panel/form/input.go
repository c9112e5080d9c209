package form

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
)

// An Input is a form with values. [Form.Blank], [Form.Fill] and [Form.Parse] return one. Only one
// goroutine at a time may use it.
type Input struct {
	form    *Form
	root    *node
	fields  int // of the nodes
	edited  bool
	changes []Change
	faults  []string // of the form as a whole
}

// The meanings of an empty input.
const (
	emptyAbsent = "absent" // the value is omitted
	emptyNull   = "null"
	emptyText   = "text" // an empty text
	emptyList   = "list" // an empty list or map
)

// A node is a field of an Input, a group of them, or a row of a list or a map.
type node struct {
	parent *node
	*member
	step  string // in the names of inputs: the name of a member, or the number of a row
	depth int

	raw      bool   // it is entered as JSON, in text
	optional bool   // a group that a button adds
	present  bool   // a group that was added
	text     string // of a leaf
	zone     string // of a date and time with a picker; "" without a zone
	empty    string // its meaning if nothing was filled in
	key      string // of a row of a map
	children []*node
	focus    bool // the browser goes to it

	broken, brokenKey []string // what is wrong with what the browser sent
	faults            []string // all faults that are marked at the field
}

func (f *Form) input() *Input {
	in := &Input{form: f, root: &node{member: &member{shape: f.root}, present: true}}
	in.members(in.root)
	return in
}

// add adds a node below another.
func (in *Input) add(parent *node, m *member, step string) *node {
	n := &node{parent: parent, member: m, step: step, depth: parent.depth + 1}
	in.fields++
	s := m.shape
	group := s.kind == kindObject || s.kind == kindList || s.kind == kindMap
	n.raw = s.kind == kindJSON || in.fields > maxFields || group && n.depth > maxDepth
	n.optional = !n.raw && s.kind == kindObject && (!m.required || s.nullable)
	n.empty = n.empties()[0]
	if s.kind == kindDateTime {
		n.zone = "Z"
	}
	parent.children = append(parent.children, n)
	return n
}

// members adds nodes for the members of an object.
func (in *Input) members(n *node) {
	n.present, n.children = true, nil
	for _, m := range n.shape.members {
		in.add(n, m, m.name)
	}
}

// row adds a row to a list or a map.
func (in *Input) row(n *node, key string) *node {
	step := strconv.Itoa(len(n.children))
	m := &member{label: n.label + " " + strconv.Itoa(len(n.children)+1), required: true, shape: n.shape.elem}
	child := in.add(n, m, step)
	child.key = key
	return child
}

// empties returns the possible meanings of a node without input, the usual one first.
func (n *node) empties() (all []string) {
	s := n.shape
	blank := n.blank()
	switch {
	case string(n.fallback) == "null" && s.nullable:
		all = []string{emptyNull, blank}
	case string(n.fallback) == "null":
		all = []string{emptyAbsent, blank}
	case n.fallback != nil && blank != "":
		all = []string{blank}
	case !n.required:
		all = []string{emptyAbsent, "", blank}
	default:
		all = []string{blank}
	}
	if s.nullable && !slices.Contains(all, emptyNull) {
		all = append(all, emptyNull)
	}
	if !n.required && !slices.Contains(all, emptyAbsent) {
		all = append(all, emptyAbsent)
	}
	all = slices.DeleteFunc(all, func(one string) bool { return one == "" })
	if len(all) == 0 {
		all = []string{emptyAbsent} // the check rejects it
	}
	return all
}

// blank returns the meaning of an empty input for its own shape, or "" if there is none.
func (n *node) blank() string {
	switch s := n.shape; {
	case n.raw:
	case s.kind == kindList, s.kind == kindMap:
		return emptyList
	case s.kind == kindText && !s.secret && len(s.leaf.faults([]byte(`""`))) == 0:
		return emptyText
	}
	return ""
}

// Edited reports whether the browser only asked to add or remove a row. If so, show the form again:
// the arguments are incomplete and must not be used.
func (in *Input) Edited() bool { return in.edited }

// Changes returns how the row has changed since the browser received the form, or since the call
// whose arguments fill the form. It is empty if the row has not changed.
func (in *Input) Changes() []Change { return in.changes }

// Arguments returns the arguments as a JSON object, by the names of the row's parameters, and the
// faults in them, which a worker would find too. *args is a list in it, and **kwargs an object;
// both are omitted if they are empty. The faults are also marked at their fields. If there are any,
// do not use the arguments.
func (in *Input) Arguments() (json.RawMessage, []Fault) {
	found := new(check)
	for _, message := range in.faults {
		found.faults = append(found.faults, Fault{Message: message})
	}
	var b bytes.Buffer
	needed := in.hasRest()
	for _, n := range in.root.children {
		value, ok := in.encode(n, found)
		needed = needed && n.name != in.form.rest
		switch {
		case !ok && n.required:
			found.merge([]Fault{{Pointer: pointer(n.place()), Message: "is required"}})
		case !ok && needed && n.fallback == nil:
			found.merge([]Fault{{Pointer: pointer(n.place()), Message: "is required, because further values follow it"}})
		}
		if !ok || (n.more || n.name == in.form.rest) && !n.raw && len(n.children) == 0 {
			continue
		}
		c := new(check)
		if c.value(n.shape, value, n.place()); n.more {
			in.others(value, c)
		}
		found.merge(c.faults)
		name, _ := codec.JSON.Encode(n.name) // never fails for a string
		b.WriteByte("{,"[min(b.Len(), 1)])
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	if in.Mark(found.faults); b.Len() == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), found.faults
}

// hasRest reports whether *args has values. The parameters before it must then have values.
func (in *Input) hasRest() bool {
	for _, n := range in.root.children {
		if n.name == in.form.rest {
			return len(n.children) > 0 || n.raw && n.text != ""
		}
	}
	return false
}

// others adds a fault for each name in **kwargs that is the name of a parameter.
func (in *Input) others(value []byte, found *check) {
	members, _ := codec.JSON.Map(value) // the check reports errors
	for _, m := range members {
		if in.root.child(m.Name) != nil {
			found.add([]string{m.Name}, "is the name of a parameter: choose another")
		}
	}
}

// merge adds faults, except at places that have one already.
func (c *check) merge(faults []Fault) {
	known := slices.Clone(c.faults)
	for _, f := range faults {
		if !slices.ContainsFunc(known, func(k Fault) bool { return k.Pointer == f.Pointer }) && len(c.faults) < maxFaults {
			c.faults = append(c.faults, f)
		}
	}
}

// encode returns the input of n as JSON, and whether there is a value.
func (in *Input) encode(n *node, found *check) (json.RawMessage, bool) {
	for _, message := range slices.Concat(n.broken, n.brokenKey) {
		found.add(n.place(), message)
	}
	if n.raw || n.isLeaf() {
		return n.encodeText(found)
	}
	if n.shape.kind == kindObject && !n.present || n.shape.kind != kindObject && len(n.children) == 0 {
		return n.nothing()
	}
	var b strings.Builder
	for _, child := range n.children {
		value, ok := in.encode(child, found)
		if !ok {
			if n.shape.kind == kindObject {
				continue // the check reports it if it is required
			}
			found.merge([]Fault{{Pointer: pointer(child.place()), Message: "is required"}})
			value = json.RawMessage("null") // a list must have no gaps
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		if n.shape.kind != kindList {
			name, _ := codec.JSON.Encode(child.title()) // never fails for a string
			b.Write(name)
			b.WriteByte(':')
		}
		b.Write(value)
	}
	if n.shape.kind == kindList {
		return json.RawMessage("[" + b.String() + "]"), true
	}
	return json.RawMessage("{" + b.String() + "}"), true
}
