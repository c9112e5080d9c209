package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// makeService runs gomeko new in a new folder, with the gomeko of this clone. It returns the
// service's folder.
func makeService(t *testing.T, args ...string) string {
	t.Helper()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := start(t, dir, "", append([]string{"new", "pdf-maker", "--clone", clone}, args...)...)
	if status := p.Wait(); status != 0 {
		t.Fatalf("got exit status %d", status)
	}
	if !strings.HasSuffix(p.Stdout(), "  go tool gomeko call pdf_maker.hello name=Ana\n") {
		t.Errorf("got %q printed, want what to do next", p.Stdout())
	}
	return filepath.Join(dir, "pdf-maker")
}

// From an empty folder to an answered call.
func TestNew(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	began := time.Now()
	dir := makeService(t, "--with", "http,events,jobs", "--module", "example.com/pdf-maker")
	p := start(t, dir, "", "run", ".", "--config", "config.yaml", "--http", "127.0.0.1:0", "--broker", uri)
	p.Line("Connected to ")
	check(t, "", []string{"call", "pdf_maker.hello", "name=Ana", "--broker", uri}, 0, "\"Hello, Ana!\"\n")
	t.Logf("answered the first call after %s", time.Since(began))
	p.Line("msg=greeted")
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}

// With all features, the tests of the module pass, its requirements are complete, and its store
// works with PostgreSQL.
func TestNewStore(t *testing.T) {
	t.Parallel()
	database := hosttest.StartPostgres(t)
	_, uri := startBroker(t, "127.0.0.1:0")
	dir := makeService(t, "--with", "http,events,jobs", "--with", "postgres")
	for _, line := range []string{"test ./...", "mod tidy -diff"} {
		cmd := exec.Command("go", strings.Fields(line)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", line, err, out)
		}
	}
	config := filepath.Join(dir, "config.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(text), "postgres://postgres:postgres@localhost:5432/postgres", database.URL(), 1)
	if err := os.WriteFile(config, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "", "run", ".", "--config", "config.yaml", "--http", "127.0.0.1:0", "--broker", uri)
	p.Line("Connected to ")
	check(t, "", []string{"call", "pdf_maker.hello", "name=Ana", "--broker", uri}, 0, "\"Hello, Ana!\"\n")
	check(t, "", []string{"call", "pdf_maker.count", "Ana", "--broker", uri}, 0, "1\n")
}

func TestNewMistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"new":                             "new: which service? Give one name, as in gomeko new orders\nsee gomeko new --help",
		"new Orders --clone ../..":        `"Orders": must be lower-case letters and digits`,
		"new func --clone ../..":          "cannot be the name of a Go package",
		"new orders":                      "name the clone with --clone FOLDER",
		"new orders --clone nowhere":      "--clone nowhere: must be the folder of a clone of gomeko",
		"new orders --with http,graphql":  `--with "graphql": must be http, events, jobs, postgres`,
		"build . -o x --nope":             "unknown flag: --nope",
		"build":                           "build: what? Name a folder",
		"build ./testdata/slow":           "-o: is missing: name the file",
		"build ./testdata/slow -o .":      "-o .: is a folder: name a file",
		"build ./testdata/nothing -o bin": "./testdata/nothing does not exist",
	} {
		check(t, "", strings.Fields(args), 2, "", want)
	}
}

// A built program is static, runs alone and knows its version.
func TestBuild(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	program := filepath.Join(t.TempDir(), "bin", "slow")
	check(t, "", []string{"build", "./testdata/slow", "-o", program, "--version", "v1.4.2"}, 0, "", "building ./testdata/slow")
	if out, err := exec.Command(program, "--version").Output(); err != nil || string(out) != "slow v1.4.2\n" {
		t.Errorf("got the version %q, %v", out, err)
	}
	if out, err := exec.Command("go", "version", "-m", program).Output(); err != nil || !strings.Contains(string(out), "CGO_ENABLED=0") {
		t.Errorf("it is not static: %v\n%s", err, out)
	}
	p := hosttest.StartProcess(t, exec.Command(program, "--broker", uri))
	p.Line("Connected to ")
	services := start(t, "", "", "services", "--broker", uri)
	if services.Wait(); !strings.Contains(services.Stdout(), "v1.4.2") {
		t.Errorf("got the services\n%s", services.Stdout())
	}
}
