package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	// Programs of the tests go to dir, compiled packages to where they are already.
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
	gomeko = filepath.Join(dir, "gomeko")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", gomeko, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A process is a running gomeko, or what has become of it.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout bytes.Buffer
	ended  chan struct{} // closed when it has ended and all its output is there

	mu      sync.Mutex
	said    []string      // lines of stderr
	changed chan struct{} // closed and made anew for each
}

// start starts gomeko in dir, the tests' own if that is "". It is killed when the test ends.
func start(t *testing.T, dir, stdin string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(gomeko, args...), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdin = strings.NewReader(stdin)
	p.cmd.Stdout = &p.stdout
	stderr, w := io.Pipe()
	p.cmd.Stderr = w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(stderr)
	}()
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its status is looked at by wait
		_ = w.Close()
		<-read
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

func (p *process) read(stderr io.Reader) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		p.mu.Lock()
		p.said = append(p.said, lines.Text())
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// limit is far more than anything here takes, a build on a busy machine among it.
const limit = 5 * time.Minute

// line waits for a line of stderr that holds text and returns it.
func (p *process) line(text string) string {
	p.t.Helper()
	deadline := time.After(limit)
	for seen := 0; ; {
		p.mu.Lock()
		said, changed := p.said, p.changed
		p.mu.Unlock()
		for _, line := range said[seen:] {
			if strings.Contains(line, text) {
				return line
			}
		}
		seen = len(said)
		select {
		case <-changed:
		case <-p.ended:
			if len(p.said) == seen {
				p.t.Fatalf("it ended (%v) without saying %q:\n%s", p.cmd.ProcessState, text, p.stderr())
			}
		case <-deadline:
			p.t.Fatalf("no line with %q after %s:\n%s", text, limit, p.stderr())
		}
	}
}

// wait returns the exit status, -1 for a process that a signal has ended.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("it has not ended after %s:\n%s", limit, p.stderr())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.said, "\n")
}

// check runs gomeko to its end and compares. want is what stderr must hold.
func check(t *testing.T, stdin string, args []string, status int, stdout string, want ...string) {
	t.Helper()
	p := start(t, "", stdin, args...)
	if got := p.wait(); got != status {
		t.Errorf("%q: got exit status %d, want %d", args, got, status)
	}
	if got := p.stdout.String(); got != stdout {
		t.Errorf("%q: got %q, want %q", args, got, stdout)
	}
	for _, want := range want {
		if !strings.Contains(p.stderr(), want) {
			t.Errorf("%q: got on stderr:\n%s\nwant in it %q", args, p.stderr(), want)
		}
	}
}

// startBroker starts a broker of its own process and returns its URI.
func startBroker(t *testing.T, address string) (*process, string) {
	t.Helper()
	b := start(t, "", "", "broker", "--listen", address)
	line := b.line("embedded broker on ")
	at, _, _ := strings.Cut(strings.TrimPrefix(line, "embedded broker on "), ",")
	return b, "amqp://guest:guest@" + at + "/"
}

// freeAddress returns an address that nobody listens on, for a moment at least.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
