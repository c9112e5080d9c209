package gomeko_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inline = regexp.MustCompile("`[^`\n]+`")
	link   = regexp.MustCompile(`\]\(([^)\s#]*)(?:#([^)\s]+))?\)`)
	head   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	name   = regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	member = regexp.MustCompile(`^([A-Z]\w*\.[A-Z]\w*)`)
	tag    = regexp.MustCompile(`(?:^| )(\w+):"`)
	key    = regexp.MustCompile(`^gomeko\.(?:web\.)?(\w+)`)
	path   = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+\.\w+$`)
)

// pages returns the pages of the project, without the pages of golden messages.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/wire/nameko.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = fence.ReplaceAllString(string(text), "")
	}
	return texts
}

// TestLinks checks that the links between pages lead to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(text, ""), -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if strings.Contains(m[1], "://") {
				continue
			}
			target, err := os.ReadFile(to)
			if _, missing := os.Stat(to); missing != nil {
				t.Errorf("%s: %s: no such file", page, to)
			} else if m[2] != "" && (err != nil || !anchors(string(target))[m[2]]) {
				t.Errorf("%s: %s has no heading #%s", page, to, m[2])
			}
		}
	}
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range head.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		kept := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return found
}

// TestNames checks that pages name nothing that does not exist: in backquotes `package.Name`,
// `package.Type.Name`, `Type.Name`, `folder/file.ext`, the keys of tags, `key:"value"`, and of the
// configuration, `gomeko.key`.
func TestNames(t *testing.T) {
	all := pages(t)
	packages := exportedNames(t)
	anywhere := map[string]bool{}
	for _, names := range packages {
		maps.Copy(anywhere, names)
	}
	inCode := literals(t)
	delete(all, "docs/wire/nameko.md") // its names are Python's
	for page, text := range all {
		for _, quoted := range inline.FindAllString(text, -1) {
			word := strings.Trim(quoted, "`")
			for _, m := range tag.FindAllStringSubmatch(word, -1) {
				if !inCode[m[1]] {
					t.Errorf("%s: `%s`: no package reads the key %s of a tag", page, word, m[1])
				}
			}
			if m := key.FindStringSubmatch(word); m != nil && !strings.Contains(all["docs/configuration.md"], "\n| `"+m[1]+"`") {
				t.Errorf("%s: `%s`: docs/configuration.md has no key %s", page, word, m[1])
			}
			if _, err := os.Stat(word); err != nil && path.MatchString(word) {
				t.Errorf("%s: `%s`: no such file", page, word)
			}
			if m := name.FindStringSubmatch(word); m != nil && packages[m[1]] != nil {
				if full := strings.TrimSuffix(m[2]+"."+m[3], "."); !packages[m[1]][full] {
					t.Errorf("%s: `%s`: package %s has no %s", page, word, m[1], full)
				}
			}
			if m := member.FindStringSubmatch(word); m != nil && !anywhere[m[1]] {
				t.Errorf("%s: `%s`: no package has %s", page, word, m[1])
			}
		}
	}
}

// exportedNames returns for each package the functions, types, methods, fields and values that it
// exports.
func exportedNames(t *testing.T) map[string]map[string]bool {
	t.Helper()
	packages := map[string]map[string]bool{}
	for _, parsed := range sources(t) {
		names := packages[parsed.Name.Name]
		if names == nil {
			names = map[string]bool{}
			packages[parsed.Name.Name] = names
		}
		for _, d := range parsed.Decls {
			addDeclaration(d, names)
		}
	}
	delete(packages, "main")
	return packages
}

// sources returns the code of all packages, without tests.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	var all []*ast.File
	for _, pattern := range []string{"*/*.go", "*/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, parsed)
		}
	}
	return all
}

func addDeclaration(d ast.Decl, names map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
			return
		}
		receiver := d.Recv.List[0].Type
		ast.Inspect(receiver, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				names[id.Name+"."+d.Name.Name] = true
				return false
			}
			return true
		})
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names[id.Name] = true
				}
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				addMembers(spec, names)
			}
		}
	}
}

// addMembers adds the fields and interface methods of a type.
func addMembers(spec *ast.TypeSpec, names map[string]bool) {
	var list *ast.FieldList
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			names[spec.Name.Name+"."+id.Name] = true
		}
	}
}

// literals returns all strings in the code. The keys that packages read from tags are among them.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, parsed := range sources(t) {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				found[strings.Trim(lit.Value, "`\"")] = true
			}
			return true
		})
	}
	return found
}
