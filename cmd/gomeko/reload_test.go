//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// pageFiles returns a module with the service page, which answers with a number as its version.
func pageFiles(t *testing.T) (files map[string]string, version func(n int) string) {
	t.Helper()
	text, err := os.ReadFile("testdata/page/page.go")
	if err != nil {
		t.Fatal(err)
	}
	version = func(n int) string {
		return strings.Replace(string(text), "return Answer{os.Getpid(), os.Getuid()}, nil", fmt.Sprintf("return Answer{os.Getpid(), %d}, nil", n), 1)
	}
	return map[string]string{"page.go": version(0)}, version
}

// Under load, files are edited, often several times in a row and sometimes with mistakes. Each
// version that compiles takes over, and no call fails.
func TestReload(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	files, version := pageFiles(t)
	dir := shop(t, files, "spf13", "starlark", "liner", "runewidth", "fsnotify")
	p := start(t, dir, "", "run", ".", "--reload", "--broker", uri, "--http", "127.0.0.1:0")
	url := listeningOn(p)
	p.Line("msg=ready")
	client := dial(t, uri).Client("page")
	l := startLoad(t, uri, url)

	// 30 edits: in each round, 2 versions with a mistake, 7 that are replaced before they are
	// built, and one that stays.
	for n := 10; n <= 30; n += 10 {
		write(t, dir, "page.go", version(n)+"\nvar wrong int = true\n")
		p.Line(fmt.Sprintf("page.go:%d:17: cannot use true", strings.Count(version(n), "\n")+2))
		write(t, dir, "page.go", version(n)+"\nvar wrong int = true\n\n")
		for m := n - 7; m < n; m++ {
			write(t, dir, "page.go", version(m))
		}
		write(t, dir, ".page.go.swp", "what an editor keeps")
		write(t, dir, "page.go", version(n))
		hosttest.Eventually(t, "the new version answers", func() bool {
			var got struct{ UID int }
			return client.Call(t.Context(), "who", &got) == nil && got.UID == n
		})
	}
	hosttest.Eventually(t, "the old processes end", func() bool { return len(children(t, p)) == 1 })
	l.check(t)
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}

// A change of the configuration or of .env restarts the process. A change of another file does not.
// After a failed build, the command waits for a change.
func TestReloadSettings(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/settings")); err != nil {
		t.Fatal(err)
	}
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod := strings.Replace(needed(t, "../../go.mod", nil), "module github.com/gomeko/gomeko", "module settings", 1)
	write(t, dir, "go.mod", mod+"\nrequire github.com/gomeko/gomeko v0.0.0\nreplace github.com/gomeko/gomeko => "+clone+"\n")
	write(t, dir, "go.sum", needed(t, "../../go.sum", nil))
	write(t, dir, "config.yaml", "greeting:\n  word: ${WORD:none}\n")
	write(t, dir, "broken.go", "package settings\n\nfunc (\n")
	cmd := exec.Command(gomeko, "run", ".", "--reload", "--broker", uri, "--config", "config.yaml")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GONOSUMDB=*")
	p := hosttest.StartProcess(t, cmd)
	p.Line("waiting for a change")
	if err := os.Remove(filepath.Join(dir, "broken.go")); err != nil {
		t.Fatal(err)
	}
	p.Line("the word is none")
	write(t, dir, ".env", "# for development\nexport WORD='hello'\n")
	p.Line("the word is hello")
	write(t, dir, "notes.txt", "nothing")
	write(t, dir, "config.yaml", "greeting:\n  word: bye\n")
	p.Line("the word is bye")
	write(t, dir, "config.yaml", "greeting:\n  wrod: bye\n")
	p.Line("the old one stays")
	if got := strings.Count(p.Stderr(), "msg=ready"); got != 3 {
		t.Errorf("got %d processes ready, want 3", got)
	}
	write(t, dir, "embedded.txt", "again")
	write(t, dir, "config.yaml", "greeting:\n  word: embedded\n")
	p.Line("the word is embedded again")
}
