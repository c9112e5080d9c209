package result

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
)

// maxCSVColumns limits the columns of a file, so that the number of cells stays in proportion to
// the data. Spreadsheets have at most 16,384 columns.
const maxCSVColumns = 256

// maxCSVCells limits the cells of a file that are empty because an object lacks a member.
const maxCSVCells = 2_000_000

// ErrNoTable is returned by [CSV] if the result is not a list of objects, a list of lists, or a
// list of other values, or if it has too many columns.
var ErrNoTable = errors.New("is not a table")

// IsTable reports whether [CSV] can write a result.
func IsTable(data json.RawMessage) bool {
	_, err := csvTable(data)
	return err == nil
}

func csvTable(data json.RawMessage) (*table, error) {
	t, ok := newTable(data, maxCSVColumns)
	if !ok || t.narrow || len(t.elements) == 0 || len(t.elements)*t.width > maxCSVCells {
		return nil, ErrNoTable
	}
	return t, nil
}

// CSV writes a result as a file for spreadsheets, in UTF-8 with a byte order mark, with commas, and
// with a row for each element. Values that are lists or objects become JSON. A text that a
// spreadsheet would take for a formula is prefixed with an apostrophe, unless it is a number.
func CSV(w io.Writer, data json.RawMessage) error {
	t, err := csvTable(data)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(w)
	if _, err := buffer.WriteString("\uFEFF"); err != nil {
		return err
	}
	out := csv.NewWriter(buffer)
	out.UseCRLF = true
	record := make([]string, t.width)
	if t.head != nil {
		for i, name := range t.head {
			record[i] = harmless(codec.ValidText(name))
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	for _, one := range t.elements {
		cells, err := t.cells(one)
		if err != nil {
			return err
		}
		for i, c := range cells {
			record[i] = csvCell(c)
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return errors.Join(out.Error(), buffer.Flush())
}

// csvCell returns the text of a cell.
func csvCell(data []byte) string {
	var s string
	switch codec.JSON.Kind(data) {
	case codec.KindNone, codec.KindNull:
		return ""
	case codec.KindString:
		if codec.JSON.Decode(data, &s) == nil {
			return harmless(codec.ValidText(s))
		}
	case codec.KindNumber, codec.KindBool:
		return string(data)
	}
	return codec.ValidText(compact(data))
}

// harmless returns a text that no spreadsheet takes for a formula.
func harmless(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); s == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return s
	}
	if json.Valid([]byte(strings.TrimPrefix(s, "+"))) && codec.JSON.Kind([]byte(strings.TrimPrefix(s, "+"))) == codec.KindNumber {
		return s
	}
	return "'" + s
}
