// Package golden compares files of the project with the results of its tests: the tables of golden
// vectors in docs/wire, and other generated pages. With the flag -update, a test writes its file.
//
//	golden.File(t, "testdata/mistakes.txt", []byte(err.Error()))
//	golden.Table(t, "rpc", "Requests, replies and errors.", rows)
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files that the tests hold to what they find")

// File fails the test if the file at path, relative to the test's directory, differs from got. With
// -update it writes the file instead.
func File(t testing.TB, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	switch {
	case err == nil && bytes.Equal(got, want):
	case *update:
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: %s\nif that is right, write it anew: go test -run '^%s$' -update", path, difference(got, want), t.Name())
	}
}

// A Row is the result of one golden vector: equal, intentionally different, or not replayed.
type Row struct {
	Group, Vector string
	Differs       string // why our message differs; "" if it is equal
	Untried       string // why the vector is not replayed; "" if it is
}

// Table compares docs/wire/section.md with rows, in their order, below a heading and the text
// intro. It must be called from tests of top-level packages.
func Table(t testing.TB, section, intro string, rows []Row) {
	t.Helper()
	var b strings.Builder
	results := map[string]int{}
	for _, r := range rows {
		results[r.result()]++
	}
	fmt.Fprintf(&b, "# Golden messages: %s\n\n%s\n\n", section, intro)
	fmt.Fprintf(&b, "%d vectors: %d equal, %d different on purpose", len(rows), results["equal"], results["different"])
	if n := results["not replayed"]; n > 0 {
		fmt.Fprintf(&b, ", %d not replayed", n)
	}
	b.WriteString(". The tests write this page.\n\n")
	b.WriteString("| Group | Vector | Result | Why |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", r.Group, r.Vector, r.result(), strings.ReplaceAll(r.Differs+r.Untried, "|", `\|`))
	}
	File(t, "../docs/wire/"+section+".md", []byte(b.String()))
}

func (r Row) result() string {
	switch {
	case r.Untried != "":
		return "not replayed"
	case r.Differs != "":
		return "different"
	}
	return "equal"
}

// difference returns the first line in which two texts differ.
func difference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, line(g, i), line(w, i))
		}
	}
	return "equal"
}

func line(lines []string, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return lines[i]
}
