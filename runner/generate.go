package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// mainFolder is the folder of the generated program, as the go command sees it. It lies below the
// folder of the first package, so that it can import internal packages there. It never exists on
// disk.
const mainFolder = "gomeko_run_main"

// generate generates a main package that runs packages, and returns the arguments for go build. It
// writes nothing next to the user's code.
func (b *builder) generate(ctx context.Context, packages []*found) ([]string, error) {
	for _, p := range packages {
		if p.Name == "main" {
			continue
		}
		if err := p.scan(); err != nil {
			return nil, err
		}
	}
	env, err := b.environment(ctx, packages[0])
	if err != nil {
		return nil, err
	}
	overlay, err := b.overlay(filepath.Join(env.folder, mainFolder, "main.go"), packages)
	if err != nil {
		return nil, err
	}
	args := []string{"-buildvcs=false", "-overlay", overlay}
	if !env.workspace() { // a workspace supports neither -modfile nor -mod=mod
		modfile, err := b.modfile(ctx, env.GOMOD)
		if err != nil {
			return nil, err
		}
		args = append(args, "-mod=mod", "-modfile", modfile)
	}
	return append(args, filepath.Join(env.folder, mainFolder)), nil
}

// An environment says where the go command finds modules.
type environment struct {
	GOMOD, GOWORK string

	folder string // in a main module, for the generated program
}

func (e *environment) workspace() bool { return e.GOWORK != "" && e.GOWORK != "off" }

// environment returns the environment for building a program with first.
func (b *builder) environment(ctx context.Context, first *found) (*environment, error) {
	env := &environment{}
	out, err := b.output(ctx, "env", "-json", "GOMOD", "GOWORK")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, env); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	inModule := filepath.IsAbs(env.GOMOD) && env.GOMOD != os.DevNull
	named := env.GOMOD
	switch {
	case first.Module != nil && first.Module.Main:
		env.folder, env.GOMOD = first.Dir, first.Module.GoMod
		named = env.GOMOD
	case inModule:
		env.folder = filepath.Dir(env.GOMOD)
	case env.workspace():
		out, err := b.output(ctx, "list", "-m", "-f", "{{.Dir}}")
		if err != nil {
			return nil, err
		}
		env.folder, _, _ = strings.Cut(string(out), "\n")
		named = env.GOWORK
	default:
		return nil, fmt.Errorf("%s is not in a module: run go mod init NAME, then go get %s", first.Dir, gomekoModule)
	}
	if _, err := b.output(ctx, "list", "-m", gomekoModule); err != nil {
		return nil, fmt.Errorf("%s does not require gomeko: run go get %s", named, gomekoModule)
	}
	return env, nil
}

const gomekoModule = "github.com/gomeko/gomeko"

// overlay writes the generated program, and returns the overlay file that makes go build see it at
// path.
func (b *builder) overlay(path string, packages []*found) (string, error) {
	var source strings.Builder
	if err := template.Must(template.New("main").Parse(mainText)).Execute(&source, newProgram(packages)); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: b.folder.file("main.go")}})
	if err != nil {
		return "", err
	}
	return b.folder.file("overlay.json"), errors.Join(b.folder.write("main.go", source.String()), b.folder.write("overlay.json", string(text)))
}

// modfile copies go.mod and go.sum, so that the build can add the generated program's requirements
// to the copies. It keeps the copies of an earlier build if the originals have not changed.
func (b *builder) modfile(ctx context.Context, gomod string) (string, error) {
	copied, texts, original := b.folder.file("go.mod"), map[string]string{}, gomod+"\n"
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(strings.TrimSuffix(gomod, "go.mod") + name)
		if err != nil && !os.IsNotExist(err) { // a module may have no go.sum
			return "", err
		}
		texts[name] = string(data)
		original += string(data)
	}
	if old, err := os.ReadFile(b.folder.file("original")); err == nil && string(old) == original {
		return copied, nil
	}
	for name, text := range texts {
		if err := os.WriteFile(b.folder.file(name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	if err := b.makeAbsolute(ctx, copied, filepath.Dir(gomod)); err != nil {
		return "", err
	}
	return copied, b.folder.write("original", original)
}

// makeAbsolute makes the folders in replace directives absolute; they are relative to dir.
func (b *builder) makeAbsolute(ctx context.Context, copied, dir string) error {
	out, err := b.output(ctx, "mod", "edit", "-json", copied)
	if err != nil {
		return err
	}
	var mod struct {
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return fmt.Errorf("go mod edit: %w", err)
	}
	edit := []string{"mod", "edit"}
	for _, r := range mod.Replace {
		if r.New.Version != "" || filepath.IsAbs(r.New.Path) {
			continue
		}
		old := r.Old.Path
		if r.Old.Version != "" {
			old += "@" + r.Old.Version
		}
		edit = append(edit, "-replace="+old+"="+filepath.Join(dir, r.New.Path))
	}
	if len(edit) > 2 {
		_, err = b.output(ctx, append(edit, copied)...)
	}
	return err
}

// A program holds the data for the template of a main package.
type program struct {
	Packages []programPackage
	LeftOut  []string // services of a Module that are not to run
	Traced   bool     // the environment asks for OpenTelemetry
}

type programPackage struct {
	Path     string
	Module   bool
	Services []string // provided one by one
}

func newProgram(packages []*found) program {
	prog := program{Traced: asksForTraces(os.Environ())}
	for _, p := range packages {
		pp := programPackage{Path: p.ImportPath, Module: p.module}
		if !p.module {
			pp.Services = p.only
			if len(p.only) == 0 {
				pp.Services = p.services
			}
		}
		for _, name := range p.services {
			if p.module && len(p.only) > 0 && !slices.Contains(p.only, name) {
				prog.LeftOut = append(prog.LeftOut, p.ImportPath+"."+name)
			}
		}
		prog.Packages = append(prog.Packages, pp)
	}
	return prog
}

// Provides reports whether the program provides services one by one.
func (p program) Provides() bool {
	return slices.ContainsFunc(p.Packages, func(p programPackage) bool { return len(p.Services) > 0 })
}

// asksForTraces reports whether environment variables configure an OpenTelemetry exporter. If so,
// the generated program links package observe/otel, which reads the variables when it starts.
func asksForTraces(environ []string) bool {
	return slices.ContainsFunc(environ, func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return value != "" && value != "none" && strings.HasPrefix(name, "OTEL_") && strings.Contains(name, "EXPORTER")
	})
}

const mainText = `// Code generated by gomeko run. DO NOT EDIT.

package main

import (
{{- if .Traced}}
	"github.com/gomeko/gomeko/observe/otel"
{{- end}}
	"github.com/gomeko/gomeko/runner"
{{- if .Provides}}
	"github.com/gomeko/gomeko/service"
{{- end}}
{{range $i, $p := .Packages}}
	p{{$i}} "{{$p.Path}}"
{{- end}}
)

func main() {
	runner.Main(
{{- range $i, $p := .Packages}}
{{- if $p.Module}}
		p{{$i}}.Module,
{{- end}}
{{- range $p.Services}}
		service.Provide(new(p{{$i}}.{{.}})),
{{- end}}
{{- end}}
{{- if .Traced}}
		otel.Module,
{{- end}}
{{- range .LeftOut}}
		runner.Without("{{.}}"),
{{- end}}
	)
}
`
