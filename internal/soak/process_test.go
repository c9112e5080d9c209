package soak_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A process hosts a service: this test binary, run again in a role. It is for one goroutine.
//
// What it has to tell it writes to its standard output, one write for a line: what was written is in the pipe, and is
// read, whatever becomes of the process. It ends in order when its standard input does, and so with the test.
type process struct {
	t         *testing.T
	role, uri string
	tell      func(line string) // called by a goroutine of the process's

	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready chan struct{} // closed when the service has started
	ended chan error    // gets how it ended, when all that it told is told
}

func start(t *testing.T, role, uri string, tell func(line string)) *process {
	t.Helper()
	p := &process{t: t, role: role, uri: uri, tell: tell}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start does not wait until the service has started.
func (p *process) start() {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOMEKO_SOAK_ROLE="+p.role, "GOMEKO_SOAK_URI="+p.uri)
	cmd.Stderr = p.t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		if lines.Scan() {
			close(ready)
		}
		for lines.Scan() {
			p.tell(lines.Text())
		}
		ended <- cmd.Wait()
	}()
	p.cmd, p.stdin, p.ready, p.ended = cmd, stdin, ready, ended
}

// wait waits until the service has started.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ready:
	case err := <-p.ended:
		p.cmd = nil
		p.t.Fatalf("a process of role %s ended at its start: %v", p.role, err)
	case <-time.After(patience):
		p.t.Fatalf("a process of role %s did not start in %v", p.role, patience)
	}
}

// kill ends the process with SIGKILL, if it runs.
func (p *process) kill() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	select {
	case err := <-p.ended:
		p.t.Errorf("a process of role %s ended by itself: %v", p.role, err)
	default:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	p.stdin.Close()
	p.cmd = nil
}

// stop ends the process in order.
func (p *process) stop() {
	p.t.Helper()
	p.stdin.Close()
	select {
	case err := <-p.ended:
		p.cmd = nil
		if err != nil {
			p.t.Errorf("a process of role %s: %v", p.role, err)
		}
	case <-time.After(patience):
		p.t.Errorf("a process of role %s did not stop in %v", p.role, patience)
	}
}

// cut has the process cut connections of its own.
func (p *process) cut() {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, "cut\n"); err != nil {
		p.t.Errorf("a process of role %s: %v", p.role, err)
	}
}

// serve is what the process does: it hosts a service until its standard input ends, and returns its exit status. When the
// broker is away at the start it tries again, as a supervisor would have it.
func serve(role func() any) (status int) {
	ctx, cancel := context.WithCancel(context.Background())
	var sockets sockets
	go func() {
		defer cancel()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // each is "cut"
			sockets.cut()
		}
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	values := []any{transport.Config{URI: os.Getenv("GOMEKO_SOAK_URI"), Logger: log, Dial: sockets.Dial}}
	for ctx.Err() == nil {
		host, err := service.New(service.Config{Logger: log, Values: values}, role())
		if err == nil {
			err = host.Start(ctx)
		}
		if err != nil {
			log.Warn("trying again", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		fmt.Println("ready")
		<-ctx.Done()
		stopping, done := context.WithTimeout(context.Background(), 25*time.Second)
		defer done()
		if err := host.Stop(stopping); err != nil {
			log.Error("stop", "err", err)
			status = 1
		}
	}
	if err := goleak.Find(); err != nil {
		log.Error("stopped, but for goroutines", "err", err)
		status = 1
	}
	return status
}
