package hosttest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// startup is how long a process may take to print a line or to end, which includes a build on a
// busy machine.
const startup = 5 * time.Minute

// A Process is a program that a test runs. When the test ends, the program and its children get
// SIGTERM, and SIGKILL if that does not end them within two seconds.
type Process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr Log
	ended          chan struct{}
}

// StartProcess starts cmd and collects its output. Its standard error also goes to the test's
// output. If cmd has a Stdout or a Stderr, that gets a copy.
func StartProcess(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout = tee(cmd.Stdout, &p.stdout)
	cmd.Stderr = tee(cmd.Stderr, &p.stderr, t.Output())
	dieWithParent(cmd)
	newGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // Wait returns the status
	}()
	t.Cleanup(func() {
		if p.hasEnded() {
			return
		}
		terminateGroup(cmd) // go run removes its files on SIGTERM
		select {
		case <-p.ended:
		case <-time.After(2 * time.Second):
			p.Kill()
		}
	})
	return p
}

func tee(given io.Writer, ours ...io.Writer) io.Writer {
	if given != nil {
		ours = append(ours, given)
	}
	return io.MultiWriter(ours...)
}

// dieWithParent has the process killed if the test dies without its cleanup, on systems that
// support it.
func dieWithParent(cmd *exec.Cmd) {
	if setpriv, err := exec.LookPath("setpriv"); err == nil {
		cmd.Args = slices.Concat([]string{"setpriv", "--pdeathsig", "KILL", cmd.Path}, cmd.Args[1:])
		cmd.Path = setpriv
	}
}

// Line waits until standard error contains a line with text, and returns the first such line.
func (p *Process) Line(text string) string {
	p.t.Helper()
	return p.Match("(?m)^.*" + regexp.QuoteMeta(text) + ".*$")
}

// Match waits until standard error matches a regular expression, and returns the first match.
func (p *Process) Match(pattern string) string {
	p.t.Helper()
	re, deadline := regexp.MustCompile(pattern), time.After(startup)
	for ended := false; ; {
		text, more := p.stderr.read()
		if found := re.FindStringIndex(text); found != nil {
			return text[found[0]:found[1]]
		}
		if ended {
			p.t.Fatalf("%s ended (%v) and did not print %q:\n%s", p, p.cmd.ProcessState, pattern, text)
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true
		case <-deadline:
			p.t.Fatalf("%s has not printed %q after %s:\n%s", p, pattern, startup, text)
		}
	}
}

// Wait waits until the process has ended. It returns the exit code, or -1 if a signal ended the
// process.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(startup):
		p.t.Fatalf("%s has not ended after %s:\n%s", p, startup, p.Stderr())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Ended returns a channel that is closed when the process has ended and all of its output has been
// read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// State describes how the process ended, for example "exit status 1". Call it only after the end.
func (p *Process) State() string { return p.cmd.ProcessState.String() }

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process, but not to its children. It does nothing if the process has
// ended.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// Kill sends SIGKILL to the process and its children, and waits for the end.
func (p *Process) Kill() {
	if !p.hasEnded() {
		killGroup(p.cmd)
	}
	<-p.ended
}

// hasEnded reports whether the process and the readers of its output have ended. Another process
// may then have its id.
func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Stdout returns what the process has written to its standard output.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the process has written to its standard error.
func (p *Process) Stderr() string { return p.stderr.String() }

// String returns the command line.
func (p *Process) String() string { return strings.Join(p.cmd.Args, " ") }

// Lines returns a writer that calls tell for each complete line, without its newline.
func Lines(tell func(line string)) io.Writer { return &lines{tell: tell} }

type lines struct {
	tell func(line string)
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.tell(string(line))
		l.rest = rest
	}
}

// Build compiles a program and returns its path. pkg names its package, as in go build.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	program, err := BuildIn(t.TempDir(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// BuildIn is like [Build], but writes the result to dir. It is for use in TestMain.
func BuildIn(dir, pkg string) (program string, err error) {
	where, err := filepath.Abs(pkg)
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, filepath.Base(where))
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, pkg).CombinedOutput()
	if err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return program, nil
}
