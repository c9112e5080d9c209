package shell

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/internal/printable"
)

// A table is a list of dicts that is shown as a table, with a column for each key.
type table struct{ *starlark.List }

func newTable(rows []starlark.Value) table { return table{starlark.NewList(rows)} }

func (table) Type() string { return "table" }

// String formats the table with unlimited width.
func (t table) String() string { return t.render(0) }

// toTable implements table(x); x is a list of objects, or a stream of them.
func toTable(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var of starlark.Iterable
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &of); err != nil {
		return nil, err
	}
	var rows []starlark.Value
	for item := range starlark.Elements(of) {
		if _, ok := item.(*starlark.Dict); !ok {
			return nil, fmt.Errorf("%s: item %d is a %s: all must be objects, as in table([{\"id\": 1}])", b.Name(), len(rows)+1, item.Type())
		}
		rows = append(rows, item)
	}
	return newTable(rows), nil
}

const (
	maxColumns  = 100
	columnSpace = "  "
	minCell     = 8 // width in characters to which a column may be cut in a narrow terminal
)

// render formats the table. If width is positive, it cuts long cells to fit into width columns.
func (t table) render(width int) string {
	names, cells := t.cells()
	if len(names) == 0 {
		return fmt.Sprintf("(a table of %d rows without columns)", t.Len())
	}
	widths := make([]int, len(names))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	if width > 0 {
		fit(widths, width-len(columnSpace)*(len(widths)-1))
	}
	var b strings.Builder
	for n, line := range cells {
		if n > 0 {
			b.WriteByte('\n')
		}
		var row strings.Builder
		for i, cell := range line {
			if width > 0 {
				cell = clipped(cell, widths[i])
			}
			if i > 0 {
				row.WriteString(columnSpace)
			}
			row.WriteString(cell)
			row.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		b.WriteString(strings.TrimRight(row.String(), " "))
	}
	return b.String()
}

// cells returns the keys, in the order in which they first appear, and the lines: the keys and the
// rows.
func (t table) cells() (names []string, lines [][]string) {
	column := map[string]int{}
	lines = append(lines, nil)
	for item := range starlark.Elements(t.List) {
		row, ok := item.(*starlark.Dict)
		if !ok { // the list was changed
			row = dictOf("", item)
		}
		line := make([]string, len(names))
		for _, pair := range row.Items() {
			name := str(pair[0])
			i, known := column[name]
			if !known {
				if len(names) == maxColumns {
					continue
				}
				i = len(names)
				column[name] = i
				names, line = append(names, name), append(line, "")
			}
			if pair[1] != starlark.None {
				line[i] = printable.Text(str(pair[1]))
			}
		}
		lines = append(lines, line)
	}
	for _, name := range names {
		lines[0] = append(lines[0], printable.Text(name))
	}
	return names, lines
}

// fit narrows the widest columns until all fit into total.
func fit(widths []int, total int) {
	for {
		sum, widest := 0, 0
		for i, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = i
			}
		}
		if sum <= total || widths[widest] <= minCell {
			return
		}
		second := minCell
		for i, w := range widths {
			if i != widest && w < widths[widest] {
				second = max(second, w)
			}
		}
		widths[widest] = max(second, widths[widest]-max(1, sum-total), minCell)
	}
}
