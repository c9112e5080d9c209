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

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A process hosts a service. It is this test binary, run again in a role. Its methods must not be
// called concurrently.
//
// It reports in lines on its standard output, each in one write. Lines that it has written stay in
// the pipe, and are read even if the process is killed. It stops when its standard input is closed.
type process struct {
	t         *testing.T
	role, uri string
	tell      func(line string) // called with each report, by one goroutine
	fuse      string            // the step at which the process kills itself: see fuseVariable
	jobs      string            // the store of its jobs: see jobsVariable

	*hosttest.Process // nil while none runs
	stdin             io.WriteCloser
	ready             chan struct{} // closed when the service has started
}

// readyLine is the report that the service has started.
const readyLine = "ready"

func start(t *testing.T, role, uri string, tell func(line string)) *process {
	t.Helper()
	p := &process{t: t, role: role, uri: uri, tell: tell}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start starts the process without waiting until the service has started.
func (p *process) start() {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOMEKO_SOAK_ROLE="+p.role, "GOMEKO_SOAK_URI="+p.uri, fuseVariable+"="+p.fuse, jobsVariable+"="+p.jobs)
	ready := make(chan struct{})
	cmd.Stdout = hosttest.Lines(func(line string) {
		if line == readyLine { // there may be earlier reports: the service consumes before it has started
			close(ready)
		} else {
			p.tell(line)
		}
	})
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.Process, p.stdin, p.ready = hosttest.StartProcess(p.t, cmd), stdin, ready
}

// wait waits until the service has started.
func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.ready:
	case <-p.Ended():
		p.t.Fatalf("a process of role %s ended while it started: %s", p.role, p.State())
	case <-time.After(hosttest.Timeout):
		p.t.Fatalf("a process of role %s did not start within %s", p.role, hosttest.Timeout)
	}
}

// kill ends the process with SIGKILL, if it runs.
func (p *process) kill() {
	p.t.Helper()
	if p.Process == nil {
		return
	}
	select {
	case <-p.Ended():
		p.t.Errorf("a process of role %s ended by itself: %s", p.role, p.State())
	default:
		p.Kill()
	}
	p.Process = nil
}

// stop closes standard input and waits for the end of the process.
func (p *process) stop() {
	p.t.Helper()
	p.stdin.Close()
	if status := p.Wait(); status != 0 {
		p.t.Errorf("a process of role %s: %s", p.role, p.State())
	}
	p.Process = nil
}

// cut makes the process close some of its connections.
func (p *process) cut() {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, "cut\n"); err != nil {
		p.t.Errorf("a process of role %s: %v", p.role, err)
	}
}

// serve is the main function of the process. It hosts a service until standard input is closed, and
// returns the exit status. If the broker is unreachable at the start, it tries again, like a
// supervisor.
func serve(role func() any) (status int) {
	ctx, cancel := context.WithCancel(context.Background())
	var sockets sockets
	go func() {
		defer cancel()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // each line is "cut"
			sockets.cut()
		}
	}()
	dial := sockets.Dial
	if f := newFuse(os.Getenv(fuseVariable), sockets.Dial); f != nil {
		dial = f.Dial
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	broker := service.Configure(transport.Config{URI: os.Getenv("GOMEKO_SOAK_URI"), Logger: log, Dial: dial})
	for ctx.Err() == nil {
		host, err := service.New(service.Config{Logger: log}, role(), broker, service.Defaults(fleet.Timers()))
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
		fmt.Println(readyLine)
		<-ctx.Done()
		stopping, done := context.WithTimeout(context.Background(), 25*time.Second)
		defer done()
		if err := host.Stop(stopping); err != nil {
			log.Error("stop", "err", err)
			status = 1
		}
	}
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/gomeko/gomeko/internal/soak_test.watchMemory")); err != nil {
		log.Error("stopped, but for goroutines", "err", err)
		status = 1
	}
	return status
}
