package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/peterh/liner"
)

// Terminal reports whether the process reads from a person and writes to one, as [Shell.Interact] needs it.
func Terminal() bool {
	_, err := liner.TerminalMode()
	out, statErr := os.Stdout.Stat()
	return err == nil && statErr == nil && out.Mode()&os.ModeCharDevice != 0
}

// Interact reads lines from the terminal, runs them and prints their values as Python shows them, until Ctrl-D or
// exit(). Errors are printed, and it goes on. Ctrl-C ends the line or the call. Lines are kept for
// the next time in gomeko/history in the user's configuration folder, readable by the user alone.
func (s *Shell) Interact(ctx context.Context) error {
	session, end := s.begin(ctx)
	defer end()
	terminal := liner.NewLiner()
	defer terminal.Close()
	terminal.SetCtrlCAborts(true)
	terminal.SetTabCompletionStyle(liner.TabPrints)
	terminal.SetWordCompleter(s.complete)
	path := historyPath()
	if file, err := os.Open(path); err == nil {
		_, _ = terminal.ReadHistory(file) // what cannot be read is left out
		_ = file.Close()
	}
	fmt.Fprintf(s.Stderr, "gomeko shell on %s; n.rpc.service.method(…) calls, Ctrl-D ends\n", s.Broker)
	err := s.loop(session, terminal)
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(s.Stdout) // after the prompt
		err = nil
	}
	if saveErr := saveHistory(terminal, path); saveErr != nil {
		fmt.Fprintln(s.Stderr, "history is not kept:", saveErr)
	}
	return err
}

// historyPath returns "" where there is no configuration folder.
func historyPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "gomeko", "history")
}

// saveHistory writes a new file in the old one's place, so that a crash keeps one of the two.
func saveHistory(terminal *liner.State, path string) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "history-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // when it was not renamed
	_, err = terminal.WriteHistory(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
