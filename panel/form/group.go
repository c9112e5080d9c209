package form

import (
	"fmt"
	"strconv"
	"strings"
)

// group fills in the view of an object, a list or a map.
func (r *renderer) group(v *view, n *node, level int) {
	v.Control = "group"
	path := n.path()
	if n.shape.kind == kindObject && !n.optional {
		v.Children = r.all(n.children, level)
		return
	}
	v.Control, v.Add = "rows", prefixAdd+path
	v.Optional, v.IsMap = n.optional, n.shape.kind == kindMap
	v.Next, v.Most = len(n.children), n.limit()
	token := "~r" + strconv.Itoa(level+1)
	if n.optional {
		v.Most = 1
		if n.present {
			v.Rows = []*view{r.added(n, level)}
		}
	} else {
		for _, child := range n.children {
			v.Rows = append(v.Rows, r.row(child, level))
		}
	}
	v.Full = len(v.Rows) >= v.Most
	if level < maxPrototypeDepth {
		v.Token, v.Prototype = token, r.prototype(n, level+1, token)
	}
}

// added returns the view of a group that a button has added.
func (r *renderer) added(n *node, level int) *view {
	v := &view{ID: n.id(), RowName: prefixSet + n.path(), Row: "1", Children: r.all(n.children, level), Label: n.label}
	if !n.isRow() { // else it is removed by the button of the row
		v.Remove = prefixRemove + n.path()
	}
	return v
}

// row returns the view of a row of a list or a map.
func (r *renderer) row(n *node, level int) *view {
	v := &view{
		ID: n.id(), RowName: prefixRow + n.parent.path(), Row: n.step, Label: n.label,
		Remove: prefixRemove + n.path(), Children: []*view{r.node(n, level)},
	}
	if !n.keyless() {
		v.Key = &view{
			Name: prefixKey + n.path(), ID: n.id() + ":key", Label: "Name", Value: n.key, Type: "text", Control: "input",
			Focus: n.focus, Faults: n.brokenKey,
		}
		v.Children[0].Focus = false
		v.Children[0].Label, v.Children[0].Bare = "Value", false
	}
	return v
}

// prototype returns the view of a row, or of a group, for the script to copy. In its names, token
// replaces the number of the row. It returns nil if there would be too many fields.
func (r *renderer) prototype(n *node, level int, token string) *view {
	in := &Input{}
	empty := *n
	empty.children, empty.focus, empty.faults = nil, false, nil
	var shown *view
	if n.optional {
		in.blank(&empty)
	} else {
		child := in.row(&empty, "")
		child.step = token
		child.label = n.label + " " + strings.Replace(token, "r", "n", 1)
		if in.fill(child, nil); child.optional {
			in.blank(child)
		}
	}
	if r.spare -= in.fields; r.spare < 0 {
		return nil
	}
	if n.optional {
		shown = r.added(&empty, level)
	} else {
		shown = r.row(empty.children[0], level)
	}
	return shown
}

// walk calls visit for all nodes below n, in order.
func (n *node) walk(visit func(*node)) {
	for _, child := range n.children {
		visit(child)
		child.walk(visit)
	}
}

// id returns the id of the input of n, which is unique and always the same.
func (n *node) id() string {
	var b strings.Builder
	b.WriteByte('f')
	for _, c := range []byte(n.path()) {
		switch {
		case c == '/':
			b.WriteByte('-')
		case c == '_', c == '~', '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, ".%02x", c)
		}
	}
	return b.String()
}

// full returns the name of n for users, including the names of its groups.
func (n *node) full() string {
	if n.parent == nil || n.parent.parent == nil {
		return n.label
	}
	if n.isRow() { // its label includes that of the list
		return strings.TrimSuffix(n.parent.full(), n.parent.label) + n.label
	}
	return n.parent.full() + ", " + n.label
}
