package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// A terminal runs a program in a pane of its own tmux server.
type terminal struct {
	t      testing.TB
	socket string
	broker string // used by the program
}

// openTerminal runs gomeko in a terminal of 100 columns, with its own home directory and the
// variables env. It skips the test if tmux is not installed.
func openTerminal(t testing.TB, rows int, env []string, args ...string) *terminal {
	t.Helper()
	return openProgram(t, rows, env, append([]string{gomeko}, args...)...)
}

// openProgram is like openTerminal for any program, which is the first of args.
func openProgram(t testing.TB, rows int, env []string, args ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		hosttest.Missing(t, "tmux is not installed: run scripts/setup")
	}
	dir, err := os.MkdirTemp("", "tmux-") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() // it may have ended already
		_ = os.RemoveAll(dir)
	})
	config := filepath.Join(dir, "conf")
	if err := os.WriteFile(config, []byte("set -g remain-on-exit on\nset -g history-limit 5000\nset -g escape-time 0\nset -g status off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env = append([]string{"HOME=" + dir, "XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, env...)
	run := append([]string{"-f", config, "-u", "new-session", "-d", "-x", "100", "-y", fmt.Sprint(rows), "env", "-u", "PAGER"}, env...)
	// tmux may not report the exit status of a program, so a shell prints it.
	run = append(run, "sh", "-c", `trap : INT; "$@"; printf '\nexit status %s.\n' $?`, "sh")
	term.tmux(append(run, args...)...)
	return term
}

// home returns the home of the program.
func (term *terminal) home() string { return filepath.Dir(term.socket) }

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// typed types text.
func (term *terminal) typed(text string) { term.tmux("send-keys", "-l", "--", text) }

// press presses keys, which have tmux's names: Enter, Tab, C-c.
func (term *terminal) press(keys ...string) { term.tmux(append([]string{"send-keys"}, keys...)...) }

// enter types a line, and waits until text is on the screen.
func (term *terminal) enter(line, text string) {
	term.t.Helper()
	term.typed(line)
	term.press("Enter")
	term.wait(text)
}

// complete presses Tab until text is on the screen, because the fleet may not answer in time for
// the first Tab.
func (term *terminal) complete(text string) {
	term.t.Helper()
	hosttest.Poll(func() (_, ok bool) {
		term.press("Tab")
		for since := time.Now(); time.Since(since) < time.Second && !ok; time.Sleep(10 * time.Millisecond) {
			ok = strings.Contains(term.screen(), text)
		}
		return ok, ok
	})
	if screen := term.screen(); !strings.Contains(screen, text) {
		term.t.Fatalf("got on the screen:\n%s\nwant %q", screen, text)
	}
}

// screen returns what the terminal shows, without empty lines at the end.
func (term *terminal) screen() string { return clean(term.tmux("capture-pane", "-p")) }

// all returns the screen, including what has scrolled off it.
func (term *terminal) all() string { return clean(term.tmux("capture-pane", "-p", "-S", "-")) }

func clean(screen string) string {
	lines := strings.Split(screen, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// wait waits until text is on the screen, and the end of it if text ends with a prompt.
func (term *terminal) wait(text string) {
	term.t.Helper()
	var screen string
	hosttest.Poll(func() (_, ok bool) {
		screen = term.screen()
		found := strings.Contains(screen, text)
		if strings.HasSuffix(text, ">>>") || strings.HasSuffix(text, "...") {
			found = strings.HasSuffix(screen, text)
		}
		return found, found
	})
	if !strings.Contains(screen, text) {
		term.t.Fatalf("got on the screen:\n%s\nwant %q", screen, text)
	}
}

// ended waits for the end of the program, and returns its exit status.
func (term *terminal) ended() string {
	term.t.Helper()
	return hosttest.Poll(func() (string, bool) {
		_, after, _ := strings.Cut(term.screen(), "\nexit status ")
		status, _, ok := strings.Cut(after, ".")
		return status, ok
	})
}
