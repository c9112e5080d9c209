//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// The program serves calls until a signal ends its context, and logs only in its own format.
func TestProgram(t *testing.T) {
	t.Parallel()
	uri := "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/"
	cmd := exec.CommandContext(t.Context(), hosttest.Build(t, "."), "-broker", "embedded")
	cmd.Env = append(os.Environ(), "AMQP_URI="+uri)
	p := hosttest.StartProcess(t, cmd)
	p.Line(`"msg":"ready","services":["greeting_service"]`)
	var got string
	client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("greeting_service")
	if err := client.Call(t.Context(), "hello", &got, "Julio"); err != nil || got != "Hello, Julio!" {
		t.Errorf("got %q, %v", got, err)
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	for line := range strings.Lines(p.Stderr()) {
		if !strings.HasPrefix(line, `{"time":`) {
			t.Errorf("got the line %q, want only JSON", line)
		}
	}
}

// If the configuration has a mistake, the program exits with its own status.
func TestMistake(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("max_workers: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := hosttest.StartProcess(t, exec.CommandContext(t.Context(), hosttest.Build(t, "."), "-config", file))
	p.Line(`"msg":"services ended","err":"` + file + `:1: max_workers: `)
	if status := p.Wait(); status != 1 {
		t.Errorf("got exit status %d, want 1", status)
	}
}
