package shell_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/shell"
)

// write writes files to a new folder, by their paths in it, and returns the folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Files load others by paths relative to themselves, once.
func TestLoad(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"main.star":      "load('lib/a.star', 'twice', c='cube')\nload('lib/a.star', 'twice')\nprint(twice(21), c(2), argv)",
		"lib/a.star":     "load('b.star', 'one')\nprint('once')\ndef twice(x):\n  return 2 * x * one\ndef cube(x):\n  return x * x * x",
		"lib/b.star":     "one = 1 if n.config['on'] else 0",
		"lost.star":      "load('nowhere.star', 'f')",
		"private.star":   "x = 1\nload('lib/user.star', 'f')",
		"lib/user.star":  "f = x",
		"round.star":     "load('lib/round.star', 'f')",
		"lib/round.star": "load('../round.star', 'g')\nf = 1",
		"wrong.star":     "load('lib/wrong.star', 'f')",
		"lib/wrong.star": "f = 1\nimport os",
		"fails.star":     "load('lib/fails.star', 'f')",
		"lib/fails.star": "f = 1\n\nf // 0",
		"misses.star":    "load('lib/b.star', 'two')",
		"exits.star":     "load('lib/exits.star', 'f')\nprint('after')",
		"lib/exits.star": "f = 1\nexit()",
	})
	for name, test := range map[string]struct{ out, err string }{
		"main":    {out: "once\n42 8 ['a', '-b']\n"},
		"lost":    {err: "DIR/lost.star:1: cannot load nowhere.star: open DIR/nowhere.star: no such file or directory"},
		"private": {err: "DIR/private.star:2: cannot load lib/user.star: DIR/lib/user.star:1: NameError: x is not defined; to call a service, write n.rpc.x"},
		"round":   {err: "DIR/round.star:1: cannot load lib/round.star: DIR/lib/round.star:1: cannot load ../round.star: DIR/round.star:1: cannot load lib/round.star: the files load each other: move what both need into a third file"},
		"wrong":   {err: "DIR/wrong.star:1: cannot load lib/wrong.star: DIR/lib/wrong.star:2: there is no import; n, print and Starlark's functions are always defined"},
		"fails":   {err: "DIR/fails.star:1: cannot load lib/fails.star: DIR/lib/fails.star:3: floored division by zero"},
		"misses":  {err: "DIR/misses.star:1: load: name two not found in module lib/b.star"},
		"exits":   {},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".star")
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			var out strings.Builder
			s := &shell.Shell{Stdout: &out, Args: []string{"a", "-b"}, Config: map[string]any{"on": true}}
			err = s.Script(t.Context(), path, file)
			if got := strings.ReplaceAll(message(err), dir, "DIR"); got != test.err {
				t.Errorf("got the error %q, want %q", got, test.err)
			}
			if out.String() != test.out {
				t.Errorf("got %q, want %q", out.String(), test.out)
			}
		})
	}
}
