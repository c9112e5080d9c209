package gomeko_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A snippet is a code block of a page in docs. The HTML comment above it, or its first line, names
// the file that it is from.
var (
	snippet   = regexp.MustCompile("(?ms)^(?:<!-- (\\S+) -->\n)?```\\w+\n(.*?)^```$")
	firstLine = regexp.MustCompile(`^(?://|#) (\S+/\S+\.\w+)\n\n?`)
)

// TestSnippets checks that every snippet is part of the file that it names, which other tests run.
func TestSnippets(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range snippet.FindAllStringSubmatch(string(text), -1) {
				file, code := block[1], block[2]
				if first := firstLine.FindStringSubmatch(code); file == "" && first != nil {
					file, code = first[1], strings.TrimPrefix(code, first[0])
				}
				if file == "" {
					continue
				}
				source, err := os.ReadFile(file)
				if err != nil {
					t.Error(err)
				} else if !strings.Contains(string(source), code) {
					t.Errorf("%s does not contain:\n%s", file, code)
				}
			}
		})
	}
}
