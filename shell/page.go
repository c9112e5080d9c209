package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/peterh/liner"

	"github.com/gomeko/gomeko/internal/printable"
)

// A terminal is what Interact reads from and writes to.
type terminal struct {
	session context.Context   // of the shell; it ends the pager
	mode    liner.ModeApplier // before the shell started
	stdout  *os.File
}

// show writes a text for people, through a pager if it is longer than the terminal.
func (s *Shell) show(ctx context.Context, text string) error {
	text = strings.TrimSuffix(text, "\n") + "\n"
	if t := s.terminal; t != nil {
		columns, rows := t.size()
		if lines(text, columns, rows) >= rows && t.page(printable.Lines(text)) {
			return nil
		}
	}
	return s.write(ctx, text)
}

// chunk is how much is written to a terminal before checking for Ctrl-C.
const chunk = 64 << 10

// write writes a text until ctx ends.
func (s *Shell) write(ctx context.Context, text string) error {
	for len(text) > 0 {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		part := text[:min(len(text), chunk)]
		if _, err := io.WriteString(s.Stdout, part); err != nil {
			return err
		}
		text = text[len(part):]
	}
	return nil
}

// lines returns how many terminal lines a text takes. It stops counting at limit.
func lines(text string, columns, limit int) (n int) {
	for line := range strings.Lines(text) {
		n += 1 + max(0, utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))-1)/max(columns, 1)
		if n >= limit {
			break
		}
	}
	return n
}

// pagers returns the commands to try: $PAGER, or less and more. An empty $PAGER means none.
func pagers() []string {
	if own, set := os.LookupEnv("PAGER"); set {
		if own == "" {
			return nil
		}
		return []string{own}
	}
	return []string{"less", "more"}
}

// page shows a text in a pager, and reports whether there is one.
func (t *terminal) page(text string) bool {
	ours, err := liner.TerminalMode()
	if err != nil {
		return false
	}
	for _, command := range pagers() {
		cmd := exec.CommandContext(t.session, "sh", "-c", command)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), t.stdout, os.Stderr
		if _, set := os.LookupEnv("LESS"); !set {
			cmd.Env = append(os.Environ(), "LESS=FX") // the text stays on the screen
		}
		if _, err := exec.LookPath(firstWord(command)); err != nil {
			continue
		}
		_ = t.mode.ApplyMode()
		err := cmd.Run()
		_ = ours.ApplyMode()
		if exit := (*exec.ExitError)(nil); err == nil || errors.As(err, &exit) && exit.ExitCode() != 127 || errors.Is(err, syscall.EPIPE) {
			return true // the user may quit it before the end
		}
		fmt.Fprintln(os.Stderr, "the pager cannot be run:", printable.Text(command))
	}
	return false
}

func firstWord(command string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return word
}
