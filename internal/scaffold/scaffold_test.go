package scaffold_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/scaffold"
)

// The code for every combination of features passes go vet and its own tests.
func TestWrite(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// The services are packages of one module, with the requirements of this one.
	mod, err := os.ReadFile(filepath.Join(clone, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(clone, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(string(mod), "\n")
	requirements = "module all\n" + requirements + "\nrequire github.com/gomeko/gomeko v0.0.0\nreplace github.com/gomeko/gomeko => " + clone + "\n"
	for name, text := range map[string]string{"go.mod": requirements, "go.sum": string(sum)} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 1 << len(scaffold.Features) {
		s := scaffold.Service{Name: fmt.Sprintf("service-%d", n), Version: "v0.0.0"}
		for i, feature := range scaffold.Features {
			if n>>i&1 == 1 {
				if err := s.With(feature); err != nil {
					t.Fatal(err)
				}
			}
		}
		written, err := s.Write(filepath.Join(root, s.Name))
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if got := strings.Contains(strings.Join(written, " "), "store.go"); got != s.Postgres {
			t.Errorf("%+v: got the files %q", s, written)
		}
		for _, name := range written {
			text, err := os.ReadFile(filepath.Join(root, s.Name, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range []string{"<no value>", "{{", "\n\n\n", " \n"} {
				if strings.Contains(string(text), wrong) {
					t.Errorf("%+v: %s has %q in it:\n%s", s, name, wrong, text)
				}
			}
		}
		if err := os.Remove(filepath.Join(root, s.Name, "go.mod")); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"vet ./...", "test -vet=off ./..."} {
		cmd := exec.CommandContext(t.Context(), "go", strings.Fields(line)...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", line, err, out)
		}
	}
}

// A directory that is not empty is not changed.
func TestWriteElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := scaffold.Service{Name: "orders", Version: "v0.0.0"}
	if written, err := s.Write(dir); err == nil || !strings.Contains(err.Error(), "notes.txt: name a new folder") || written != nil {
		t.Errorf("got %q, %v, want that it is not empty", written, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"orders": true, "pdf-maker": true, "a_b2": true, "Orders": false, "2nd": false, "a--b": false, "-a": false,
		"func": false, "main": false, "a.b": false, "": false, ".": false,
	} {
		s := scaffold.Service{Name: name}
		if err := s.Check(); (err == nil) != ok {
			t.Errorf("%q: got %v, want a name that can be used: %t", name, err, ok)
		}
	}
}
