package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// A path is the steps of one section of the page, in their order.
type path struct {
	title string
	steps []step
}

// A step is a function that a call enters.
type step struct {
	file, function string // service/run.go, Row.Run
}

// item is a step in the page: a numbered item that begins with `file:function`.
var item = regexp.MustCompile("^\\d+\\. `([^`:]+\\.go):([^`]+)`")

// read returns the paths of a page: its sections with steps.
func read(page string) []path {
	var paths []path
	title := ""
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			title = strings.TrimSpace(strings.TrimLeft(line, "#"))
			continue
		}
		m := item.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(paths) == 0 || paths[len(paths)-1].title != title {
			paths = append(paths, path{title: title})
		}
		p := &paths[len(paths)-1]
		p.steps = append(p.steps, step{m[1], m[2]})
	}
	return paths
}

func (p path) print(w io.Writer) {
	fmt.Fprintln(w, p.title)
	for i, again := range p.reentries() {
		mark := " "
		if again {
			mark = "*"
		}
		fmt.Fprintf(w, "%3d %s %s:%s\n", i+1, mark, p.steps[i].file, p.steps[i].function)
	}
	fmt.Fprintf(w, "%s\n\n", p.summary())
}

func (p path) summary() string {
	files, again := map[string]bool{}, 0
	for i, r := range p.reentries() {
		files[p.steps[i].file] = true
		if r {
			again++
		}
	}
	return fmt.Sprintf("%s: %d steps, %d files, %d re-entries (*)", p.title, len(p.steps), len(files), again)
}

// reentries reports of each step whether it enters a file that an earlier step entered, and another
// left.
func (p path) reentries() []bool {
	again := make([]bool, len(p.steps))
	seen := map[string]bool{}
	for i, s := range p.steps {
		moved := i == 0 || p.steps[i-1].file != s.file
		again[i] = moved && seen[s.file]
		seen[s.file] = true
	}
	return again
}

// missing returns a line for each step whose function does not exist in the module at root.
func (p path) missing(root string) []string {
	var missing []string
	for _, s := range p.steps {
		functions, err := functions(filepath.Join(root, s.file))
		switch {
		case err != nil:
			missing = append(missing, fmt.Sprintf("%s: %v", p.title, err))
		case !functions[s.function]:
			missing = append(missing, fmt.Sprintf("%s: %s has no function %s", p.title, s.file, s.function))
		}
	}
	return missing
}

// functions returns the names of the functions in a file; those of methods are Type.Method.
func functions(file string) (map[string]bool, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			names[receiver(f)+f.Name.Name] = true
		}
	}
	return names, nil
}

// receiver returns "Type." of a method, "" of a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	for {
		switch typed := t.(type) {
		case *ast.StarExpr:
			t = typed.X
		case *ast.IndexExpr:
			t = typed.X
		case *ast.Ident:
			return typed.Name + "."
		default:
			return ""
		}
	}
}
