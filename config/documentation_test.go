package config

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
)

// TestDocumentation compares the tables of docs/configuration.md with the keys of the package.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	const path = "../docs/configuration.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, table := range map[string]string{"nameko": namekoTable(), "gomeko": ownTable(ownKeys())} {
		begin, end := "<!-- keys of "+name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s: want %s and %s around a table", path, strings.TrimSpace(begin), end)
		}
		want = before + begin + table + end + after
	}
	golden.File(t, path, []byte(want))
}

// The examples on the page are read without a mistake or a warning.
func TestDocumentationExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) == 0 {
		t.Error("got no example")
	}
	for _, example := range examples {
		cfg, err := Parse(example[1], func(string) (string, bool) { return "", false })
		if err != nil || len(cfg.Warnings) > 0 {
			t.Errorf("got %v, %q for\n%s", err, cfg.Warnings, example[1])
		}
	}
}

func namekoTable() string {
	var b strings.Builder
	b.WriteString("| key | is | default | here |\n|---|---|---|---|\n")
	for _, k := range namekoKeys() {
		does := k.does
		if k.standing == ignored {
			does = "No effect: " + does + "."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, k.standing, code(k.fallback), does)
	}
	return b.String()
}

func ownTable(keys []key) string {
	var b strings.Builder
	b.WriteString("| key | default | is |\n|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.name, code(k.fallback), k.does)
	}
	return b.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
