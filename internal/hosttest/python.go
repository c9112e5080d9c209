package hosttest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Python's virtual environments that scripts/setup creates, by directory: one with the version of
// kombu from Nameko's time, and one with a later version, which writes some values in envelopes.
const (
	Kombu5_2 = ".venv"
	Kombu5_4 = ".venv-kombu5.4"
)

// Python returns the path of the interpreter in a virtual environment that contains Nameko. If it
// does not exist, the test is skipped, or fails if CI=true.
func Python(t testing.TB, venv string) string {
	t.Helper()
	dir := filepath.Join(Root(t), venv)
	if _, err := os.Stat(filepath.Join(dir, "requirements.txt")); err != nil {
		Missing(t, "no Nameko in "+dir+": run scripts/setup")
	}
	return filepath.Join(dir, "bin", "python")
}

// Root returns the root directory of the repository: the one with the main module's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		file, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(file, []byte("module github.com/gomeko/gomeko\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test does not run in the repository")
		}
	}
}
