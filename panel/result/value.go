package result

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/service"
)

// Limits of what a page shows.
const (
	maxText    = 64 << 10 // bytes of a text, or of JSON
	maxCell    = 500      // bytes of a cell
	maxTable   = 256 << 10
	maxRows    = 200
	maxMembers = 200
	maxColumns = 20
	maxIndent  = 20 // levels of JSON in several lines: spaces must not outgrow it
)

// A Value is JSON as a page shows it. It has a Text, Pairs or a Table; the zero Value is empty.
type Value struct {
	Text  string
	Block bool // Text has several lines, or is JSON

	Pairs []Pair

	Head  []string  // the names of the columns of Table; nil if they have none
	Table [][]Value // cells have only a Text, or are zero if an object lacks the member
	Rows  int       // of the whole list

	Cut bool // the data has more than is shown
}

// A Pair is a member of an object.
type Pair struct {
	Name  string
	Value Value
}

// Empty reports whether there is nothing to show.
func (v Value) Empty() bool { return v.Text == "" && v.Pairs == nil && v.Table == nil }

// Of returns the Value for data. Data that is not JSON is shown as a text.
func Of(data json.RawMessage) Value {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return Value{}
	case data[0] == '{':
		if v, ok := object(data); ok {
			return v
		}
	case data[0] == '[':
		if v, ok := list(data); ok {
			return v
		}
	default:
		return scalar(data, maxText)
	}
	return block(data)
}

// block returns JSON on several lines.
func block(data json.RawMessage) Value {
	v := Value{Text: string(data), Block: true}
	if len(data) <= maxText && depth(data) <= maxIndent {
		var b bytes.Buffer
		if json.Indent(&b, data, "", "  ") == nil {
			v.Text = b.String()
		}
	}
	return v.clip(maxText)
}

// clip truncates the text.
func (v Value) clip(limit int) Value {
	v.Text = strings.ToValidUTF8(v.Text, "\uFFFD")
	if len(v.Text) > limit {
		v.Text, v.Cut = clip.Text(v.Text, limit), true
	}
	return v
}

// depth returns roughly how deep lists and objects are nested. It counts brackets in texts, too.
func depth(data []byte) (deepest int) {
	level := 0
	for _, c := range data {
		switch c {
		case '[', '{':
			level++
			deepest = max(deepest, level)
		case ']', '}':
			level--
		}
	}
	return deepest
}

// isScalar reports whether a value is neither an object nor a list.
func isScalar(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && data[0] != '{' && data[0] != '['
}

// scalar returns a value that is neither an object nor a list.
func scalar(data json.RawMessage, limit int) Value {
	switch string(bytes.TrimSpace(data)) {
	case "true":
		return Value{Text: "Yes"}
	case "false":
		return Value{Text: "No"}
	case "null", `""`:
		return Value{Text: "–"}
	case `"` + service.Redacted + `"`:
		return Value{Text: "not kept"}
	}
	var s string
	if codec.JSON.Decode(data, &s) != nil {
		return Value{Text: string(data)}.clip(limit)
	}
	return Value{Text: s, Block: strings.Contains(s, "\n")}.clip(limit)
}

// cell returns the value of a table's cell.
func cell(data json.RawMessage) Value {
	if isScalar(data) {
		return scalar(data, maxCell)
	}
	return Value{Text: compact(data)}.clip(maxCell)
}

// compact returns JSON on one line.
func compact(data []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return string(data)
	}
	return b.String()
}

// object returns an object as its members. Lists in it become tables, other values JSON.
func object(data json.RawMessage) (Value, bool) {
	members, err := codec.JSON.Map(data)
	if err != nil || len(members) == 0 {
		return Value{Text: "An empty object"}, err == nil
	}
	v := Value{}
	if v.Cut = len(members) > maxMembers; v.Cut {
		members = members[:maxMembers]
	}
	left := maxText // of all members
	for _, m := range members {
		shown := member(m.Value, left)
		left -= shown.size()
		name := codec.ValidText(m.Name)
		v.Pairs = append(v.Pairs, Pair{clip.Text(name, maxCell), shown})
		v.Cut = v.Cut || shown.Cut || len(name) > maxCell
		if left <= 0 {
			v.Cut = v.Cut || len(v.Pairs) < len(members)
			break
		}
	}
	return v, true
}

// member returns the value of a member, using about limit bytes.
func member(data json.RawMessage, limit int) Value {
	limit = max(limit, maxCell)
	switch {
	case isScalar(data):
		return scalar(data, limit)
	case bytes.TrimSpace(data)[0] == '[':
		if line, ok := line(data); ok {
			return line.clip(limit)
		}
		if v, ok := list(data); ok {
			return v
		}
	}
	return block(data).clip(limit)
}

// size returns roughly how many bytes are shown.
func (v Value) size() int {
	n := len(v.Text)
	for _, row := range v.Table {
		for _, one := range row {
			n += len(one.Text)
		}
	}
	return n
}

// maxLine is the maximum length of a list that is shown on one line.
const maxLine = 10

// line returns a short list of texts and numbers on one line.
func line(data json.RawMessage) (Value, bool) {
	elements, err := codec.JSON.List(data)
	if err != nil || len(elements) > maxLine {
		return Value{}, false
	}
	var texts []string
	for _, one := range elements {
		shown := scalar(one, maxCell)
		if !isScalar(one) || shown.Block || shown.Cut {
			return Value{}, false
		}
		texts = append(texts, shown.Text)
	}
	if len(texts) == 0 {
		return Value{Text: "–"}, true
	}
	return Value{Text: strings.Join(texts, ", ")}, true
}

// list returns a list as a table, or false if its elements are of several kinds.
func list(data json.RawMessage) (Value, bool) {
	t, ok := newTable(data, maxColumns)
	if !ok {
		return Value{}, false
	}
	if len(t.elements) == 0 {
		return Value{Text: "An empty list"}, true
	}
	v := Value{Head: t.head, Rows: len(t.elements), Cut: t.narrow || len(t.elements) > maxRows}
	for i, name := range v.Head {
		name = codec.ValidText(name)
		v.Head[i], v.Cut = clip.Text(name, maxCell), v.Cut || len(name) > maxCell
	}
	left := maxTable
	for _, one := range t.elements[:min(len(t.elements), maxRows)] {
		if left <= 0 {
			v.Cut = true
			break
		}
		cells, err := t.cells(one)
		if err != nil {
			return Value{}, false
		}
		row := make([]Value, len(cells))
		for i, c := range cells {
			if c != nil {
				row[i] = cell(c)
				v.Cut = v.Cut || row[i].Cut
				left -= len(row[i].Text)
			}
		}
		v.Table = append(v.Table, row)
	}
	return v, true
}

// A table is a list whose elements are all objects, all lists, or all neither.
type table struct {
	elements [][]byte
	kind     codec.Kind // KindObject, KindList, or KindNone for neither
	head     []string   // the names of all members, in the order in which they come
	at       map[string]int
	width    int
	narrow   bool // some columns were omitted
}

// newTable returns a table with at most the given number of columns, or false if the elements are
// of several kinds.
func newTable(data json.RawMessage, columns int) (*table, bool) {
	elements, err := codec.JSON.List(data)
	if err != nil {
		return nil, false
	}
	t := &table{elements: elements, kind: codec.KindNone, at: map[string]int{}, width: 1}
	for i, one := range elements {
		kind := codec.JSON.Kind(one)
		if kind != codec.KindObject && kind != codec.KindList {
			kind = codec.KindNone
		}
		if i == 0 {
			t.kind = kind
		} else if kind != t.kind {
			return nil, false
		}
		switch kind {
		case codec.KindObject:
			members, err := codec.JSON.Map(one)
			if err != nil {
				return nil, false
			}
			for _, m := range members {
				t.column(m.Name, columns)
			}
		case codec.KindList:
			inner, err := codec.JSON.List(one)
			if err != nil {
				return nil, false
			}
			t.width = max(t.width, min(len(inner), columns))
			t.narrow = t.narrow || len(inner) > columns
		}
	}
	if t.kind == codec.KindObject {
		t.width = len(t.head)
	}
	return t, true
}

// column adds a column, if there is room.
func (t *table) column(name string, most int) {
	if _, ok := t.at[name]; ok {
		return
	}
	if len(t.head) == most {
		t.narrow = true
		return
	}
	t.at[name] = len(t.head)
	t.head = append(t.head, name)
}

// cells returns the values of a row. A missing one is nil.
func (t *table) cells(element []byte) ([][]byte, error) {
	row := make([][]byte, t.width)
	switch t.kind {
	case codec.KindObject:
		members, err := codec.JSON.Map(element)
		for _, m := range members {
			if i, ok := t.at[m.Name]; ok {
				row[i] = m.Value
			}
		}
		return row, err
	case codec.KindList:
		inner, err := codec.JSON.List(element)
		copy(row, inner)
		return row, err
	}
	row[0] = slices.Clip(element)
	return row, nil
}
