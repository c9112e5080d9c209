// Package scaffold creates the module of a new service from the templates in the directory files.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed files
var files embed.FS

// Features are the optional features of a new service.
var Features = []string{"http", "events", "jobs", "postgres"}

// A Service is the input of the templates.
type Service struct {
	// Name is the name of the directory: lower-case words, separated by - or _.
	Name string

	// Module is the path of the module. The default is Name.
	Module string

	// Version is the version of gomeko that go.mod requires.
	Version string

	// Clone is the directory of a clone of gomeko, with which go.mod replaces gomeko; "" means
	// none.
	Clone string

	HTTP, Events, Jobs, Postgres bool
}

// Service is the name that callers use, which cannot contain -.
func (s *Service) Service() string { return strings.ReplaceAll(s.Name, "-", "_") }

// Package is the name of the Go package.
func (s *Service) Package() string { return strings.NewReplacer("-", "", "_", "").Replace(s.Name) }

// With enables a feature.
func (s *Service) With(feature string) error {
	switch feature {
	case "http":
		s.HTTP = true
	case "events":
		s.Events = true
	case "jobs":
		s.Jobs = true
	case "postgres":
		s.Postgres = true
	default:
		return fmt.Errorf("%q: must be %s", feature, strings.Join(Features, ", "))
	}
	return nil
}

var names = regexp.MustCompile(`^[a-z][a-z0-9]*([-_][a-z0-9]+)*$`)

// Check returns an error if the name cannot be the name of a service.
func (s *Service) Check() error {
	switch {
	case !names.MatchString(s.Name):
		return fmt.Errorf("%q: must be lower-case letters and digits, with - or _ between words, as in orders or pdf-maker", s.Name)
	case s.Package() == "main", token.IsKeyword(s.Package()):
		return fmt.Errorf("%q: cannot be the name of a Go package: choose another", s.Name)
	}
	return nil
}

// Write writes the module to dir, which must be empty or not exist. It returns the names of the
// files.
func (s *Service) Write(dir string) (written []string, err error) {
	if s.Module == "" {
		s.Module = s.Name
	}
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty, it has %s: name a new folder", dir, there[0].Name())
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	templates, err := files.ReadDir("files")
	if err != nil {
		return nil, err
	}
	for _, entry := range templates {
		name := strings.TrimSuffix(entry.Name(), ".tmpl")
		switch {
		case name == "store.go" && !s.Postgres:
			continue
		case name == "gitignore":
			name = ".gitignore" // the template's name has no dot, because the go command does not embed such files
		}
		text, err := s.fill(entry.Name())
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil { //nolint:gosec // it is source
			return nil, err
		}
		written = append(written, name)
	}
	return written, nil
}

// fill executes a template for the service.
func (s *Service) fill(name string) ([]byte, error) {
	t, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, s); err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".go.tmpl") {
		return format.Source(text.Bytes())
	}
	return text.Bytes(), nil
}
