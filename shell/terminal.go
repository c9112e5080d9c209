package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/peterh/liner"

	"github.com/gomeko/gomeko/internal/printable"
)

// Terminal reports whether the process reads from and writes to a terminal, as [Shell.Interact]
// requires.
func Terminal() bool {
	_, err := liner.TerminalMode()
	out, statErr := os.Stdout.Stat()
	return err == nil && statErr == nil && out.Mode()&os.ModeCharDevice != 0
}

// guarded returns w, or a writer that escapes terminal control characters if w is a terminal.
func guarded(w io.Writer) io.Writer {
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return printable.NewWriter(w, printable.Lines)
		}
	}
	return w
}

// Interact reads lines from the terminal, runs them and prints their values as Python does, until
// Ctrl-D or exit(). It prints errors and continues. Ctrl-C cancels the line or the call. The
// history is kept in the file gomeko/history in the user's configuration folder, readable only by
// the user. Terminal control characters are printed escaped.
func (s *Shell) Interact(ctx context.Context) error {
	s.Stdout, s.Stderr = guarded(s.Stdout), guarded(s.Stderr)
	session, end := s.begin(ctx)
	defer end()
	before, err := liner.TerminalMode()
	if err != nil {
		return fmt.Errorf("standard input is not a terminal: %w", err)
	}
	s.terminal = &terminal{session, before, os.Stdout}
	lines := liner.NewLiner()
	defer lines.Close()
	lines.SetCtrlCAborts(true)
	lines.SetTabCompletionStyle(liner.TabPrints)
	lines.SetWordCompleter(s.complete)
	path := historyPath()
	if file, err := os.Open(path); err == nil {
		_, _ = lines.ReadHistory(file) // keep the lines before an error
		_ = file.Close()
	}
	s.directory.services(0) // starts asking
	fmt.Fprintf(s.Stderr, "gomeko shell on %s: help() says what there is, Ctrl-D ends it\n", s.Broker)
	err = s.loop(session, lines)
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(s.Stdout) // after the prompt
		err = nil
	}
	if saveErr := saveHistory(lines, path); saveErr != nil {
		fmt.Fprintln(s.Stderr, "cannot save the history:", saveErr)
	}
	return err
}

// historyPath returns the path of the history, or "" without a configuration folder.
func historyPath() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "gomeko", "history")
}

// saveHistory writes a new file and renames it, so a crash leaves either the old history or the new
// one.
func saveHistory(lines *liner.State, path string) error {
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
	defer os.Remove(file.Name()) // unless it was renamed
	_, err = lines.WriteHistory(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
