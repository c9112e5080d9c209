package main_test

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// A process continues without a log when the reader of its log exits: service 2>&1 | head -5.
func TestLogReaderLeaves(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	address := hosttest.FreeAddress(t)
	for _, test := range []struct{ name, uri, ready, args string }{
		{"run", uri, "Connected to ", "run ./testdata/work --log-level debug --broker " + uri},
		{"run while building", uri, "building ", "run ./testdata/work --log-level debug --broker " + uri},
		{"broker", "amqp://guest:guest@" + address + "/", "embedded broker on ", "broker --listen " + address},
	} {
		t.Run(test.name, func(t *testing.T) {
			stop := abandon(t, test.ready, strings.Fields(test.args)...)
			if test.name == "broker" {
				dial(t, test.uri)
			} else {
				var got int
				client := dial(t, test.uri).Client("worker")
				err := hosttest.Poll(func() (error, bool) { // until it has started
					err := client.Call(context.Background(), "double", &got, 2)
					return err, !errors.Is(err, rpc.ErrUnknownService)
				})
				if err != nil || got != 4 {
					t.Errorf("got %d, %v, want 4", got, err)
				}
			}
			if state := stop(); state != "exit status 0" {
				t.Errorf("got %s, want exit status 0", state)
			}
		})
	}
}

// abandon starts gomeko and reads its output only up to a line with the text ready. The returned
// func sends SIGTERM and returns how the process ended.
func abandon(t *testing.T, ready string, args ...string) (stop func() string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), gomeko, args...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), ready) {
		t.Log(lines.Text())
	}
	log.Close()
	return func() string {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // State has the exit status
		return cmd.ProcessState.String()
	}
}

// A process whose terminal is closed stops in order. With nohup, it continues.
func TestHangup(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/slow", "--broker", uri)
	p.Line("Connected to ")
	replies := sleep(t, uri, 1)
	p.Line("sloth sleeps")
	p.Signal(syscall.SIGHUP)
	if r := <-replies; r.err != nil || r.text != "slept" {
		t.Errorf("got %q, %v, want slept", r.text, r.err)
	}
	if got := p.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", got, p.Stderr())
	}
	p.Line("finished=1 cut_off=0 given_back=0")

	p = hosttest.StartProcess(t, exec.Command("nohup", gomeko, "run", "./testdata/slow", "--broker", uri))
	p.Line("Connected to ")
	p.Signal(syscall.SIGHUP)
	if r := <-sleep(t, uri, 0); r.err != nil || r.text != "slept" {
		t.Errorf("got %q, %v, want slept", r.text, r.err)
	}
	p.Signal(syscall.SIGTERM)
	if got := p.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", got, p.Stderr())
	}
}
