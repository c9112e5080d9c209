package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// In real shells, Tab completes commands, flags, and the methods and parameters of running
// services. A broker that does not answer delays the shell only for a moment.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	start(t, "", "", "run", "./testdata/work", "--broker", uri).Line("msg=ready")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	bin := t.TempDir()
	if err := os.Symlink(gomeko, filepath.Join(bin, "gomeko")); err != nil {
		t.Fatal(err)
	}
	for name, shell := range map[string]struct {
		program []string
		load    string
		needs   string // a file of a package
	}{
		"bash": {[]string{"bash", "--norc", "--noprofile", "-i"}, "source /usr/share/bash-completion/bash_completion; source <(gomeko completion bash)",
			"/usr/share/bash-completion/bash_completion"},
		"zsh":  {[]string{"zsh", "-f", "-i"}, "autoload -Uz compinit; compinit -u; source <(gomeko completion zsh)", ""},
		"fish": {[]string{"fish", "--no-config", "-i"}, "gomeko completion fish | source", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell.program[0]); err != nil {
				hosttest.Missing(t, name+" is not installed: run scripts/setup")
			}
			if _, err := os.Stat(shell.needs); shell.needs != "" && err != nil {
				hosttest.Missing(t, "bash-completion is not installed: run scripts/setup")
			}
			env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "GOMEKO_BROKER=" + uri, "SILENT=" + silent.Addr().String(), "TERM=xterm"}
			term := openProgram(t, 40, env, shell.program...)
			term.enter(shell.load+"; echo loaded: yes", "\nloaded: yes\n")
			complete := func(line, completed string) {
				t.Helper()
				term.typed(line)
				term.complete(completed)
			}
			complete("gomeko serv", "gomeko services")
			term.press("C-u")
			complete("gomeko run --rel", "gomeko run --reload")
			term.press("C-u")
			complete("gomeko call worker.d", "gomeko call worker.double")
			complete("", "gomeko call worker.double n=")
			term.enter("21", "\n42\n")
			complete("gomeko call --broker amqp://$SILENT/ worker.d", "worker.d")
			term.press("C-u")
			term.enter("echo 'still: here'", "\nstill: here\n")
		})
	}
}
