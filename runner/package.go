package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A found is a package to run: the output of go list -json, and what was found in its source.
type found struct {
	Dir, ImportPath, Name string
	GoFiles, CgoFiles     []string
	Module                *struct {
		Path, GoMod string
		Main        bool
	}

	module   bool     // it has a variable Module
	services []string // its struct types with a service.Name
	only     []string // the services to run; all if empty
}

// selected matches PKG:Service, but not C:\orders.
var selected = regexp.MustCompile(`^(.+):([\pL_][\pL\d_]*)$`)

// find returns the packages named by words.
func (b *builder) find(ctx context.Context, words []string) ([]*found, error) {
	var packages []*found
	for i, word := range words {
		pattern, service := word, ""
		if m := selected.FindStringSubmatch(word); m != nil {
			pattern, service = m[1], m[2]
		}
		listed, dir, err := list(ctx, pattern)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			b.dir = dir
		}
		for _, p := range listed {
			at := slices.IndexFunc(packages, func(q *found) bool { return q.ImportPath == p.ImportPath })
			if at < 0 {
				at, packages = len(packages), append(packages, p)
			}
			if service != "" {
				packages[at].only = append(packages[at].only, service)
			}
		}
	}
	if len(packages) == 0 {
		return nil, errors.New("no packages match")
	}
	return packages, nil
}

// list returns the packages that match a pattern, and the folder in which the go command ran. If
// the pattern is a folder, it runs there, because the folder may be in another module.
func list(ctx context.Context, pattern string) (listed []*found, dir string, err error) {
	info, err := os.Stat(pattern)
	switch {
	case strings.HasPrefix(pattern, "-"):
		return nil, "", usagef("%s: a flag must be written without a -- before it, as in gomeko run ./orders --config config.yaml", pattern)
	case err == nil && info.IsDir():
		dir, pattern = pattern, "."
	case err == nil:
		return nil, "", usagef("%s is a file: name the folder of its package, as in gomeko run %s", pattern, relative(filepath.Dir(pattern)))
	case err != nil && !strings.HasSuffix(pattern, "...") && (filepath.IsAbs(pattern) || build.IsLocalImport(pattern)):
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", usagef("%s does not exist: name the folder of a package, as in gomeko run ./orders", pattern)
		}
		return nil, "", err
	case err != nil && strings.HasSuffix(pattern, ".go"):
		return nil, "", usagef("%s does not exist: name the folder of a package, as in gomeko run ./orders", pattern)
	}
	in := builder{dir: dir}
	out, err := in.output(ctx, "list", "-json=Dir,ImportPath,Name,GoFiles,CgoFiles,Module", pattern)
	if err != nil {
		return nil, "", err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p found
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return listed, dir, nil
		} else if err != nil {
			return nil, "", fmt.Errorf("go list: %w", err)
		}
		listed = append(listed, &p)
	}
}

// servicePackage is the import path of service.Name.
const servicePackage = "github.com/gomeko/gomeko/service"

// scan finds Module and the services in the package's source.
func (p *found) scan() error {
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return errors.New((&builder{}).fromHere(err.Error()))
		}
		p.scanFile(file)
	}
	for _, name := range p.only {
		if !slices.Contains(p.services, name) {
			return fmt.Errorf("%s has no service %s: %s", p.ImportPath, name, p.inventory())
		}
	}
	switch unexported := slices.DeleteFunc(slices.Clone(p.services), token.IsExported); {
	case p.module:
	case len(p.services) == 0:
		return fmt.Errorf("%s has nothing to run: it needs a package main, a variable Module (an fx.Option) or a struct type with a service.Name", p.ImportPath)
	case len(unexported) > 0 && len(p.only) == 0, slices.ContainsFunc(p.only, func(s string) bool { return !token.IsExported(s) }):
		return fmt.Errorf("%s: the service %s is not exported: begin its name with a capital letter", p.ImportPath, unexported[0])
	}
	return nil
}

func (p *found) inventory() string {
	if len(p.services) == 0 {
		return "it has no struct type with a service.Name"
	}
	return "it has " + strings.Join(p.services, ", ")
}

func (p *found) scanFile(file *ast.File) {
	qualifier := qualifierOf(file, servicePackage)
	for _, decl := range file.Decls {
		decl, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				named := func(name *ast.Ident) bool { return name.Name == "Module" }
				p.module = p.module || decl.Tok == token.VAR && slices.ContainsFunc(spec.Names, named)
			case *ast.TypeSpec:
				if s, ok := spec.Type.(*ast.StructType); ok && qualifier != "" && isService(s, qualifier) {
					p.services = append(p.services, spec.Name.Name)
				}
			}
		}
	}
}

// qualifierOf returns the name of an imported package in a file, or "" if it is not imported.
func qualifierOf(file *ast.File, imported string) string {
	for _, spec := range file.Imports {
		if value, _ := strconv.Unquote(spec.Path.Value); value != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return imported[strings.LastIndex(imported, "/")+1:]
	}
	return ""
}

// isService reports whether a struct has a field of type service.Name. If that field is not blank,
// the start reports it.
func isService(s *ast.StructType, qualifier string) bool {
	for _, field := range s.Fields.List {
		of, ok := field.Type.(*ast.SelectorExpr)
		if !ok || of.Sel.Name != "Name" {
			continue
		}
		if x, ok := of.X.(*ast.Ident); ok && x.Name == qualifier {
			return true
		}
	}
	return false
}

// relative formats a folder as the go command does: ./users.
func relative(dir string) string {
	if filepath.IsAbs(dir) || build.IsLocalImport(dir) {
		return dir
	}
	return "./" + dir
}
