package panel

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
)

// Limits of what a page shows of a value. The whole value can be downloaded.
const (
	maxShown   = 64 << 10 // bytes
	maxRows    = 200
	maxColumns = 20
)

// A value is JSON as a page shows it: a text, pairs, or a table.
type value struct {
	Text  string
	Block bool // Text has several lines, or is JSON
	Pairs []pair
	Head  []string // of Table
	Table [][]value
	Cut   bool // there is more
}

// A pair is a member of an object.
type pair struct {
	Name  string
	Value value
}

// Empty reports whether there is nothing to show.
func (v value) Empty() bool { return v.Text == "" && v.Pairs == nil && v.Table == nil }

// show returns JSON for a page.
func show(text json.RawMessage) value {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return value{}
	case len(text) > maxShown:
		return value{Cut: true}
	case text[0] == '{':
		if v, ok := pairs(text); ok {
			return v
		}
	case text[0] == '[':
		if v, ok := table(text); ok {
			return v
		}
	default:
		return scalar(text)
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return value{Text: string(text), Block: true}
	}
	return value{Text: b.String(), Block: true}
}

// scalar returns a value that is neither an object nor a list.
func scalar(text json.RawMessage) value {
	switch string(text) {
	case "true":
		return value{Text: "Yes"}
	case "false":
		return value{Text: "No"}
	case "null":
		return value{Text: "–"}
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return value{Text: string(text)}
	}
	switch s {
	case service.Redacted:
		return value{Text: "not kept"}
	case "":
		return value{Text: "–"}
	}
	return value{Text: s, Block: strings.Contains(s, "\n")}
}

// isScalar reports whether a value is neither an object nor a list.
func isScalar(text json.RawMessage) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && text[0] != '{' && text[0] != '['
}

// pairs returns an object, false if it is nested too deep.
func pairs(text json.RawMessage) (value, bool) {
	members, err := codec.JSON.Map(text)
	if err != nil || len(members) > maxRows {
		return value{}, false
	}
	v := value{Pairs: make([]pair, 0, len(members))}
	for _, m := range members {
		shown := scalar(m.Value)
		if !isScalar(m.Value) {
			var ok bool
			if shown, ok = scalars(m.Value); !ok {
				return value{}, false
			}
		}
		v.Pairs = append(v.Pairs, pair{m.Name, shown})
	}
	return v, true
}

// scalars returns a list of scalars on one line.
func scalars(text json.RawMessage) (value, bool) {
	elements, err := codec.JSON.List(text)
	if err != nil || len(elements) > maxRows {
		return value{}, false
	}
	var texts []string
	for _, one := range elements {
		if !isScalar(one) {
			return value{}, false
		}
		texts = append(texts, scalar(one).Text)
	}
	if len(texts) == 0 {
		return value{Text: "–"}, true
	}
	return value{Text: strings.Join(texts, ", ")}, true
}

// table returns a list of flat objects as a table, and a list of scalars as one with one column.
// It returns false for other lists.
func table(text json.RawMessage) (value, bool) {
	elements, err := codec.JSON.List(text)
	if err != nil || len(elements) == 0 {
		return value{Text: "An empty list"}, err == nil
	}
	v := value{}
	if v.Cut = len(elements) > maxRows; v.Cut {
		elements = elements[:maxRows]
	}
	for _, one := range elements {
		if isScalar(one) {
			if len(v.Head) > 0 {
				return value{}, false
			}
			v.Table = append(v.Table, []value{scalar(one)})
			continue
		}
		members, err := codec.JSON.Map(one)
		if err != nil || len(v.Table) > 0 && v.Head == nil {
			return value{}, false
		}
		row := make([]value, len(v.Head))
		for _, m := range members {
			if !isScalar(m.Value) {
				return value{}, false
			}
			at := slices.Index(v.Head, m.Name)
			if at < 0 {
				at = len(v.Head)
				v.Head, row = append(v.Head, m.Name), append(row, value{})
			}
			row[at] = scalar(m.Value)
		}
		if len(v.Head) > maxColumns {
			return value{}, false
		}
		v.Table = append(v.Table, row)
	}
	for i, row := range v.Table { // columns that came later
		if missing := len(v.Head) - len(row); missing > 0 {
			v.Table[i] = append(row, make([]value, missing)...)
		}
	}
	return v, true
}
