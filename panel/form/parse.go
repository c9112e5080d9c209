package form

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The prefixes of inputs that are not values.
const (
	prefixJSON      = "json:"   // a value, or a group, as JSON
	prefixEmpty     = "empty:"  // the meaning of an empty input
	prefixSet       = "set:"    // says that an optional group was added
	prefixRow       = "row:"    // the number of each row of a list or a map
	prefixKey       = "key:"    // the name of an entry of a map
	prefixZone      = "zone:"   // the offset of a date and time
	prefixAdd       = "add:"    // a button
	prefixRemove    = "remove:" // a button
	prefixSignature = "signature:"
)

var ours = regexp.MustCompile(`^((json|empty|set|row|key|zone|add|remove):)?/|^signature:`)

// Parse returns the form with the values that a browser has sent. It ignores values whose names are
// not those of a form, such as a CSRF token: names of a form begin with / or with a word and :/.
//
// Parse never fails: [Input.Arguments] returns the faults of the values. Limit the size of the
// request's body before parsing it.
func (f *Form) Parse(values url.Values) *Input {
	in := f.input()
	size := 0
	for name, all := range values {
		for _, one := range all {
			size += len(name) + len(one) + 1
		}
	}
	if size > maxBytes || len(values) > maxValues {
		in.mark("is too large: a form takes " + strconv.Itoa(maxBytes>>10) + " KiB and " + strconv.Itoa(maxValues) + " values")
		for _, n := range in.root.children {
			in.fill(n, nil)
		}
		return in
	}
	p := parser{in: in, values: values, used: map[string]bool{}}
	for _, n := range in.root.children {
		p.node(n, n.path())
	}
	if signature, ok := p.take(nil, prefixSignature); ok {
		in.changes = f.changes(signature)
	}
	p.unknown()
	return in
}

// A parser reads the values sent by a browser.
type parser struct {
	in     *Input
	values url.Values
	used   map[string]bool
}

// take returns the value with a name. It records faults at n.
func (p *parser) take(n *node, name string) (string, bool) {
	all, ok := p.values[name]
	if !ok || len(all) == 0 {
		return "", false
	}
	p.used[name] = true
	value := all[0]
	if n != nil && len(all) > 1 {
		n.broken = append(n.broken, "was sent "+strconv.Itoa(len(all))+" times")
	}
	if n != nil && !isValid(value) {
		n.broken = append(n.broken, "must not have NUL characters, or bytes that are not UTF-8")
		value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\uFFFD")
	}
	value = strings.ReplaceAll(value, "\r\n", "\n")
	return strings.ReplaceAll(value, "\r", "\n"), true
}

// node reads a node whose inputs have this path.
func (p *parser) node(n *node, path string) {
	if empty, ok := p.take(n, prefixEmpty+path); ok && slices.Contains(n.empties(), empty) {
		n.empty = empty
	}
	if text, ok := p.take(n, prefixJSON+path); ok {
		n.raw, n.optional, n.text = true, false, text
		return
	}
	if n.raw {
		if n.shape.kind != kindJSON {
			p.in.mark("has too many fields, or too many groups within each other: remove rows")
		}
		return
	}
	switch n.shape.kind {
	case kindObject:
		p.object(n, path)
	case kindList, kindMap:
		p.rows(n, path)
	case kindDateTime:
		n.text, _ = p.take(n, path)
		offset, picked := p.take(n, prefixZone+path)
		if n.zone = offset; picked && offset != noZone && !zone.MatchString(offset) {
			n.zone = "Z"
			n.broken = append(n.broken, "its offset from UTC must be such as +02:00, or Z")
		}
		switch s := strings.TrimSpace(n.text); {
		case s != "" && !pickedTime.MatchString(s):
			n.zone = "" // it is not from a picker
		case s == "" && !picked:
			n.zone = "Z"
		}
	default:
		n.text, _ = p.take(n, path)
	}
}

func (p *parser) object(n *node, path string) {
	if n.optional {
		_, n.present = p.take(n, prefixSet+path)
		if _, ok := p.take(n, prefixRemove+path); ok {
			n.present, p.in.edited, n.focus = false, true, true
			p.drop(path)
			return
		}
		if _, ok := p.take(n, prefixAdd+path); ok && !n.present {
			p.in.edited = true
			p.in.blank(n)
			n.goTo()
			return
		}
		if !n.present {
			return
		}
	}
	p.in.members(n)
	for _, child := range n.children {
		p.node(child, path+"/"+escape.Replace(child.name))
	}
}

// drop marks the values of a removed group or row as known.
func (p *parser) drop(path string) {
	for name := range p.values {
		if at := strings.IndexByte(name, '/'); at >= 0 && (name[at:] == path || strings.HasPrefix(name[at:], path+"/")) {
			p.used[name] = true
		}
	}
}

// rows reads the rows of a list or a map. Their numbers may have gaps, because a script may have
// removed rows.
func (p *parser) rows(n *node, path string) {
	numbers := p.values[prefixRow+path]
	p.used[prefixRow+path] = true
	seen := map[string]bool{}
	for _, number := range numbers {
		if at, err := strconv.ParseUint(number, 10, 31); err != nil || seen[number] || strconv.FormatUint(at, 10) != number {
			n.broken = append(n.broken, "has a row that the form does not have")
			return
		}
		seen[number] = true
		within := path + "/" + number
		if _, ok := p.take(n, prefixRemove+within); ok {
			p.in.edited, n.focus = true, true
			p.drop(within)
			continue
		}
		if len(n.children) == n.limit() {
			n.broken = append(n.broken, "has more than "+strconv.Itoa(n.limit())+" rows")
			return
		}
		child := p.in.row(n, "")
		if n.shape.kind == kindMap {
			child.key, _ = p.take(child, prefixKey+within)
		}
		p.node(child, within)
	}
	p.keys(n)
	if _, ok := p.take(n, prefixAdd+path); ok {
		p.in.edited = true
		if len(n.children) < n.limit() {
			child := p.in.row(n, "")
			if p.in.fill(child, nil); child.optional {
				p.in.blank(child)
			}
			child.goTo()
		}
	}
}

// keys records faults for duplicate names of entries.
func (p *parser) keys(n *node) {
	if n.shape.kind != kindMap {
		return
	}
	seen := map[string]bool{}
	for _, child := range n.children {
		if seen[child.key] {
			child.brokenKey = append(child.brokenKey, "its name is there twice")
		}
		seen[child.key] = true
	}
}

// limit returns the maximum number of n's rows.
func (n *node) limit() int {
	if n.shape.most != nil {
		return min(*n.shape.most, maxRows)
	}
	return maxRows
}

// goTo makes the browser go to the first input in n.
func (n *node) goTo() {
	for !n.isLeaf() && len(n.children) > 0 && n.keyless() {
		n = n.children[0]
	}
	n.focus = true
}

// keyless reports whether n has no input for a name before its value.
func (n *node) keyless() bool { return !n.isRow() || n.parent.shape.kind != kindMap }

// unknown records faults for values that belong to no field.
func (p *parser) unknown() {
	const shown = 5
	count := 0
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if p.used[name] || !ours.MatchString(name) {
			continue
		}
		if count++; count > shown {
			p.in.mark("has further unknown fields")
			return
		}
		p.in.mark("has no field " + strconv.Quote(text(name, maxLabel)))
	}
}
