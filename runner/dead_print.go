package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/internal/printable"
)

// A table is printed in columns. Its cells may come from untrusted sources.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...string) {
	for i, cell := range cells {
		if cells[i] = printable.Text(cell); cell == "" {
			cells[i] = "-"
		}
	}
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t")) // flush returns the error
}

func (t table) flush() error { return t.w.Flush() }

// shortened shortens a text for a cell.
func shortened(text string) string { return clip.Text(text, 120) }

// printView prints a parked message for people.
func printView(w io.Writer, v parked.View) error {
	var b strings.Builder
	line := func(name, format string, args ...any) { // a message cannot begin a line of its own
		b.WriteString(printable.Text(fmt.Sprintf("%-11s"+format, append([]any{name}, args...)...)) + "\n")
	}
	line("id", "%s", v.ID)
	if v.Foreign {
		line("reason", "somebody else than a service has published it to the dead queue")
	} else {
		line("failed in", "queue %s, service %s, row %s", v.Queue, v.Service, v.Row)
		line("reason", "%s after %d attempts", v.Reason, v.Attempts)
		line("first", "%s", local(v.First, ""))
		line("last", "%s, on %s", local(v.Last, ""), v.Host)
		line("published", "to exchange %q with key %q", v.Exchange, v.Key)
		text := printable.Text(v.ErrorType) + ": " + strings.ReplaceAll(v.Error, "\n", "\n           ")
		fmt.Fprintf(&b, "error      %s\n", strings.TrimPrefix(text, ": "))
	}
	for _, name := range v.LeftOut {
		line("left out", "header %s, which was too large", name)
	}
	b.WriteString(object("properties", v.Properties) + object("headers", v.Headers))
	fmt.Fprintf(&b, "body, %d bytes\n%s\n", v.Bytes, indented(v.Body))
	if v.Stack != "" {
		fmt.Fprintf(&b, "stack\n%s\n", block(strings.TrimRight(v.Stack, "\n")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// object returns a JSON object after its name, or "" for an empty object.
func object(name string, v any) string {
	text, err := json.Marshal(v)
	if err != nil || string(text) == "{}" || string(text) == "null" {
		return ""
	}
	return name + "\n" + indented(text) + "\n"
}

// block indents each line of text, so that none looks like a line of printView.
func block(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// indented formats JSON for people. A string that is not part of an object becomes a block.
func indented(text json.RawMessage) string {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		return block(plain)
	}
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}
