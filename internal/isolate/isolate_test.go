//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// soon is the time within which a call whose method hangs must be answered: its row has a timeout
// of 300 ms.
const soon = 10 * time.Second

// A method that hangs is ended. Its caller gets a timeout, other calls continue, and the log
// contains the method's stack.
func TestHungMethod(t *testing.T) {
	t.Parallel()
	l := start(t)
	others := l.echo(t)
	for _, row := range []string{"Loop", "Deadlock"} {
		began := time.Now()
		_, err := press[any](t.Context(), l, row)
		if !errors.Is(err, service.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want a timeout", row, err)
		}
		if took := time.Since(began); took > soon {
			t.Errorf("%s: the caller waited %s", row, took)
		}
		line := l.log.Wait(t, 1, "isolated process killed", "field="+row)[0]
		if stack := line[strings.Index(line, "stack="):]; !strings.Contains(stack, "Lab)."+row+"(") {
			t.Errorf("%s: got no stack of the method: %s", row, stack)
		}
		ended(t, number(line, `pid=(\d+)`))
	}
	if n := others(); n == 0 {
		t.Error("no other call has run")
	}
	if _, err := press[any](t.Context(), l, "Polite"); !errors.Is(err, service.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	if lines := l.log.Lines("isolated process", "Polite"); len(lines) > 0 {
		t.Errorf("a process was ended whose method obeys its context: %s", lines)
	}
	for _, row := range []string{"Loop", "Deadlock"} { // the pools have been refilled
		if _, err := press[any](t.Context(), l, row); !errors.Is(err, service.ErrTimeout) {
			t.Errorf("%s, again: got %v, want a timeout", row, err)
		}
	}
}

// A process that a signal has stopped does not answer, but is killed all the same.
func TestFrozenProcess(t *testing.T) {
	t.Parallel()
	l := start(t)
	if _, err := press[any](t.Context(), l, "Freeze"); !errors.Is(err, service.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	ended(t, number(l.log.Wait(t, 1, "isolated process killed")[0], `pid=(\d+)`))
}

// echo calls an isolated method repeatedly until stop is called, which returns the number of calls.
func (l *lab) echo(t *testing.T) (stop func() int) {
	t.Helper()
	done, n := make(chan struct{}), 0
	var loop sync.WaitGroup
	loop.Go(func() {
		for ; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if got, err := press[string](t.Context(), l, "Echo", strconv.Itoa(n)); got != strconv.Itoa(n) || err != nil {
				t.Errorf("another call: got %q, %v", got, err)
				return
			}
		}
	})
	return sync.OnceValue(func() int {
		close(done)
		loop.Wait()
		return n
	})
}

// ended waits until a process is gone.
func ended(t *testing.T, pid int) {
	t.Helper()
	hosttest.Eventually(t, fmt.Sprintf("process %d has ended", pid), func() bool { return gone(pid) })
}

// gone reports whether a process has ended. An orphan may still be a zombie if the init process
// does not wait for it.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) != nil
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return fields[0] == "Z" || fields[0] == "X"
}

// number returns the number that a pattern finds.
func number(text, pattern string) int {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// If a process crashes, exits or is killed, its call fails with an error that says why. The next
// call runs in another process.
func TestProcessEnds(t *testing.T) {
	t.Parallel()
	l := start(t)
	others := l.echo(t)
	defer others()
	for _, test := range []struct {
		how    string
		reason service.ProcessEnd
		detail string
	}{
		{"exit", service.ProcessExited, "exit status 3"},
		{"panic", service.ProcessCrashed, "panic: elsewhere"},
		{"map", service.ProcessCrashed, "fatal error: concurrent map"},
		{"stack", service.ProcessCrashed, "fatal error: stack overflow"},
		{"address", service.ProcessCrashed, "fatal error: fault"},
		{"frames", service.ProcessBroken, ""},
		{"outcome", service.ProcessBroken, "a frame of the kind 'O'"},
		{"huge", service.ProcessBroken, "4294967"},
	} {
		_, err := press[int](t.Context(), l, "Break", test.how)
		var end *service.ProcessError
		if !errors.As(err, &end) || end.Reason != test.reason || !strings.Contains(end.Detail, test.detail) || end.Service != "lab" || end.Row != "Break" {
			t.Errorf("%s: got %v, want %q with %q", test.how, err, test.reason, test.detail)
		}
		if sent := rpcerror.From(err); !errors.Is(sent, rpcerror.ErrProcessEnded) || !strings.HasPrefix(sent.Value, "service lab: Break: the process of the call ") {
			t.Errorf("%s: a caller by RPC receives %v", test.how, sent)
		}
		if service.Expected(err) || service.VerdictOf(err).Action != service.Retry {
			t.Errorf("%s: the call is not tried again", test.how)
		}
		if pid, err := press[int](t.Context(), l, "Break", "no"); err != nil || pid == os.Getpid() {
			t.Errorf("after %s: got %d, %v", test.how, pid, err)
		}
	}
	l.log.Wait(t, 1, "isolated process ended", "concurrent map", "stack=")
}

// If a process is killed from outside, its call fails.
func TestKilledFromOutside(t *testing.T) {
	t.Parallel()
	l := start(t)
	failed := make(chan error, 1)
	go func() {
		_, err := press[any](t.Context(), l, "Nap")
		failed <- err
	}()
	line := l.log.Wait(t, 1, "sleeper")[0]
	if err := syscall.Kill(number(line, `pid=(\d+)`), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var end *service.ProcessError
	if err := hosttest.Receive(t, "the outcome", failed); !errors.As(err, &end) || end.Reason != service.ProcessKilled {
		t.Errorf("got %v, want killed", err)
	}
	ended(t, number(line, `sleeper (\d+)`))
}

// Processes that a method has started are killed with its process.
func TestGroupEnds(t *testing.T) {
	t.Parallel()
	l := start(t)
	if _, err := press[any](t.Context(), l, "Spawn"); !errors.Is(err, service.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	line := l.log.Wait(t, 1, "sleeper")[0]
	ended(t, number(line, `sleeper (\d+)`))
	ended(t, number(line, `pid=(\d+)`))
}
