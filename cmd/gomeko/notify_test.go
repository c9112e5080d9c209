//go:build linux

package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// A process started by a unit tells systemd when it is ready, that it is alive, and when it stops.
func TestSystemdNotify(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	program := filepath.Join(t.TempDir(), "work")
	check(t, "", []string{"build", "./testdata/work", "-o", program}, 0, "", "building ./testdata/work")
	unit := map[string]string{}
	for line := range strings.Lines(printUnit(t, "systemd", "./testdata/work", "--exec", program)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			unit[key] = value
		}
	}
	if unit["Type"] != "notify" || unit["WatchdogSec"] == "" {
		t.Fatalf("got the unit %v", unit)
	}
	socket := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	states := bufferStates(systemd)
	run := strings.Fields(unit["ExecStart"])
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=200000", "AMQP_URI="+uri) // a shorter interval than the unit's
	p := hosttest.StartProcess(t, cmd)
	hosttest.Eventually(t, "systemd is told that it is ready", func() bool { return strings.Contains(states(), "READY=1\nSTATUS=serving worker") })
	check(t, "", []string{"call", "worker.double", "21", "--broker", uri}, 0, "42\n")
	hosttest.Eventually(t, "systemd is told that it is alive", func() bool { return strings.Count(states(), "WATCHDOG=1") > 2 })
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	hosttest.Eventually(t, "systemd is told of the stop", func() bool { return strings.Contains(states(), "STOPPING=1") })
	if got := strings.Count(states(), "READY=1"); got != 1 {
		t.Errorf("systemd was told %d times that it is ready, want once", got)
	}
}
