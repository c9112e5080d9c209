package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"sort"
	"strconv"
	"strings"
)

// A text is a comment, a string or a paragraph, in one line.
type text struct {
	words  string
	starts []start // where each line of the file begins in words, in their order
}

type start struct{ at, line int }

func (t *text) add(line int, words string) {
	words = strings.TrimSpace(words)
	if words == "" {
		return
	}
	if t.words != "" {
		t.words += " "
	}
	t.starts = append(t.starts, start{len(t.words), line})
	t.words += words
}

// line returns the line of the file that has the byte of words.
func (t text) line(at int) int {
	i := sort.Search(len(t.starts), func(i int) bool { return t.starts[i].at > at })
	return t.starts[max(i-1, 0)].line
}

func read(file string) ([]text, error) {
	if strings.HasSuffix(file, ".go") {
		return readGo(file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return readPage(string(data), strings.HasPrefix(file, "docs/wire/")), nil
}

// readGo returns the comments of a file, and its strings unless it is a test.
func readGo(file string) ([]text, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var texts []text
	for _, group := range parsed.Comments {
		texts = append(texts, comment(fset, group)...)
	}
	if strings.HasSuffix(file, "_test.go") {
		return texts, nil
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && field.Tag != nil {
			return false
		}
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				var t text
				for i, line := range strings.Split(s, "\n") {
					if lit.Value[0] == '"' {
						i = 0 // its line breaks are not the file's
					}
					t.add(fset.Position(lit.Pos()).Line+i, line)
				}
				texts = append(texts, t)
			}
		}
		return true
	})
	return texts, nil
}

// comment returns the paragraphs of a comment, without the code in it.
func comment(fset *token.FileSet, group *ast.CommentGroup) []text {
	var texts []text
	var t text
	for _, c := range group.List {
		for i, line := range strings.Split(c.Text, "\n") {
			line = strings.TrimPrefix(strings.TrimPrefix(line, "//"), "/*")
			if strings.TrimSpace(line) == "" {
				texts = append(texts, t)
				t = text{}
			}
			if !strings.HasPrefix(line, "\t") {
				t.add(fset.Position(c.Pos()).Line+i, line)
			}
		}
	}
	return append(texts, t)
}

// readPage returns the paragraphs, items and rows of a page, without code and headings. Tables of
// golden messages are the tests', so they are left out.
func readPage(page string, golden bool) []text {
	var texts []text
	var t text
	code := false
	for i, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		trimmed := strings.TrimSpace(line)
		row := strings.HasPrefix(trimmed, "|")
		if code || trimmed == "" || row || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "- ") {
			texts = append(texts, t)
			t = text{}
		}
		if !code && !strings.HasPrefix(trimmed, "#") && !(row && golden) {
			t.add(i+1, strings.TrimPrefix(trimmed, "- "))
		}
	}
	return append(texts, t)
}
