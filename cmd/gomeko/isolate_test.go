package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// Isolated methods of a program that gomeko run has built run in child processes. They call other
// services and run jobs. The children end with the program.
func TestIsolatedMethods(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system has no isolated methods")
	}
	uri := "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/"
	t.Setenv("AMQP_URI", uri)
	t.Setenv("GOMEKO_JOBS_STORE", "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"))
	p := start(t, "", "", "run", "./testdata/hung", "--broker", "embedded")
	p.Line("msg=ready")
	hung := dial(t, uri).Client("hung")
	var answer string
	if err := hung.Call(t.Context(), "call", &answer, "hello"); err != nil || answer != "hello!" {
		t.Errorf("a call from a child: got %q, %v", answer, err)
	}
	if err := hung.Call(t.Context(), "loop", nil); !errors.Is(err, rpc.ErrTimeout) {
		t.Errorf("an endless loop: got %v, want a timeout", err)
	}
	if line := p.Line("isolated process killed"); !strings.Contains(line, "(*Hung).Loop(") {
		t.Errorf("got no stack of the method: %.1000s", line)
	}
	var remote *rpc.Error
	err := hung.Call(t.Context(), "call", nil, "exit")
	if !errors.Is(err, rpc.ErrProcessEnded) || !errors.As(err, &remote) || remote.Value != "service hung: Call: the process of the call exited: exit status 7" {
		t.Errorf("an exit: got %v, want that the process has ended", err)
	}
	if err := hung.Call(t.Context(), "call", &answer, "again"); err != nil || answer != "again!" {
		t.Errorf("after it: got %q, %v", answer, err)
	}
	p.Line("tick of this year: true, missed 0")
	output(t, "dispatch", "radio", "said", `{"text": "news", "at": "2026-01-02T03:04:05Z", "raw": "AP8="}`)
	p.Line("heard news at 2026-01-02T03:04:05Z: 00ff")
	file := filepath.Join(t.TempDir(), "built")
	id := strings.TrimSpace(output(t, "jobs", "enqueue", "hung.build", file))
	for end := time.Now().Add(hosttest.Timeout); !strings.Contains(output(t, "jobs", "show", id), "half of it"); {
		if time.Now().After(end) {
			t.Fatal("the job has no progress")
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := output(t, "jobs", "wait", id); !strings.Contains(got, "attempt 2") {
		t.Errorf("a job whose first attempt has ended its process: got %s, want attempt 2", got)
	}
	p.Signal(os.Interrupt)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d\n%s", status, p.Stderr())
	}
}

// output returns what a command prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, "", "", args...)
	if status := p.Wait(); status != 0 {
		t.Fatalf("%s: got exit status %d\n%s", p, status, p.Stderr())
	}
	return p.Stdout()
}

// A process with a method that does not return exits with a special status, after it has answered.
func TestMaxStuck(t *testing.T) {
	uri := "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/"
	t.Setenv("AMQP_URI", uri)
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("gomeko:\n  max_stuck: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "", "", "run", "./testdata/hung", "--broker", "embedded", "--config", file)
	p.Line("msg=ready")
	if err := dial(t, uri).Client("hung").Call(t.Context(), "stick", nil); !errors.Is(err, rpc.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	if status := p.Wait(); status != 4 {
		t.Errorf("got exit status %d, want 4\n%s", status, p.Stderr())
	}
	p.Line("1 method did not return after their time: the log has their stacks")
}
