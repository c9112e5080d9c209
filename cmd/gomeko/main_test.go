package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// gomeko is the path of the command, built for the tests.
var gomeko string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gomeko-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// The programs of the tests are written to dir. The cache of compiled packages is shared.
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go env:", err)
		return 1
	}
	for name, value := range map[string]string{
		"GOCACHE": strings.TrimSpace(string(cache)), "XDG_CACHE_HOME": filepath.Join(dir, "cache"), "AMQP_URI": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if gomeko, err = hosttest.BuildIn(dir, "."); err != nil {
		fmt.Fprintln(os.Stderr, "go build:", err)
		return 1
	}
	return m.Run()
}

// start starts gomeko in dir. The default is the folder of the tests.
func start(t *testing.T, dir, stdin string, args ...string) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(gomeko, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	return hosttest.StartProcess(t, cmd)
}

// check runs gomeko to its end and compares the results. Its standard error must contain every text
// in want.
func check(t *testing.T, stdin string, args []string, status int, stdout string, want ...string) {
	t.Helper()
	p := start(t, "", stdin, args...)
	if got := p.Wait(); got != status {
		t.Errorf("%q: got exit status %d, want %d", args, got, status)
	}
	if got := p.Stdout(); got != stdout {
		t.Errorf("%q: got %q, want %q", args, got, stdout)
	}
	for _, want := range want {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("%q: got on stderr:\n%s\nwant in it %q", args, p.Stderr(), want)
		}
	}
}

// startBroker starts gomeko broker and returns its URI.
func startBroker(t *testing.T, address string) (*hosttest.Process, string) {
	t.Helper()
	b := start(t, "", "", "broker", "--listen", address)
	line := b.Line("embedded broker on ")
	at, _, _ := strings.Cut(strings.TrimPrefix(line, "embedded broker on "), ",")
	return b, "amqp://guest:guest@" + at + "/"
}
