//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/service"
)

// beParent is a program that hosts the lab until it is killed, and prints where to reach it.
func beParent() {
	step := os.Getenv("ISOLATE_PARENT")
	l := &lab{rows: rows{}}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	grace := 100 * time.Millisecond
	if step == "grace" {
		grace = time.Hour
	}
	var err error
	l.Container, err = service.New(service.Config{Logger: logger}, newLab(), service.Defaults(l.rows),
		service.Configure(isolate.Serve(isolate.Config{Path: os.Args[0], Broker: func() string { return "" }, Grace: grace})))
	if err != nil {
		panic(err)
	}
	if step == "start" {
		fmt.Fprintln(os.Stderr, "arrived")
	}
	if err := l.Start(context.Background()); err != nil {
		panic(err)
	}
	switch step {
	case "call":
		go l.rows["Break"].Run(context.Background(), service.Request{})
		go func() { _, _ = press[any](context.Background(), l, "Loop") }()
	case "grace":
		_, _ = press[any](context.Background(), l, "Loop")
	case "drain":
		go l.Stop(context.Background())
	}
	fmt.Fprintln(os.Stderr, "arrived")
	select {}
}

// When the parent is killed, its children end, whatever they are doing.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("looks for processes in /proc")
	}
	for _, step := range []string{"start", "idle", "call", "grace", "drain"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "ISOLATE_PARENT="+step)
			p := hosttest.StartProcess(t, cmd)
			p.Line("arrived")
			if step == "start" {
				hosttest.Eventually(t, "it has children", func() bool { return len(childrenOf(p.PID())) > 0 })
			}
			children := childrenOf(p.PID())
			if len(children) == 0 && step != "drain" {
				t.Error("it has no children")
			}
			p.Kill()
			for _, pid := range children {
				ended(t, pid)
			}
		})
	}
}

// childrenOf returns the processes that a process has started.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// If a child cannot start, the start of the service reports it as a mistake, in the child's words.
func TestChildCannotStart(t *testing.T) {
	t.Setenv("ISOLATE_FAILS", "no database")
	l := &lab{rows: rows{}}
	var err error
	l.Container, err = service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, newLab(), service.Defaults(l.rows),
		service.Configure(isolate.Serve(isolate.Config{Path: os.Args[0], Broker: func() string { return "" }})))
	if err != nil {
		t.Fatal(err)
	}
	err = l.Start(t.Context())
	var end *service.ProcessError
	if !errors.As(err, &end) || end.Reason != service.ProcessNotStarted || end.Detail != "no database" {
		t.Errorf("got %v, want that no process has started", err)
	}
}

// A stop waits for calls and then for the children. Children that hang are killed with the
// container.
func TestStop(t *testing.T) {
	t.Parallel()
	l := start(t)
	children := childrenOf(os.Getpid())
	result := make(chan error, 1)
	go func() {
		_, err := press[any](t.Context(), l, "Polite")
		result <- err
	}()
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := hosttest.Receive(t, "the call", result); !errors.Is(err, service.ErrTimeout) && !errors.Is(err, service.ErrStopped) {
		t.Errorf("got %v", err)
	}
	if len(children) == 0 && runtime.GOOS == "linux" {
		t.Error("got no children")
	}

	k := start(t)
	go func() {
		_, err := press[any](t.Context(), k, "Break", "no")
		result <- err
	}()
	k.Kill()
	if err := hosttest.Receive(t, "the call", result); err != nil && !errors.Is(err, service.ErrStopped) {
		t.Errorf("got %v", err)
	}
}
