package runner

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/gomeko/gomeko/internal/parked"
)

// edit has the user edit the body of a message. It returns [parked.ErrSkip] if the file is empty
// then. A text that is not valid stays in its file, which the error names.
func (c *command) edit(ctx context.Context, desk *parked.Desk, m *parked.Message) error {
	before, err := desk.Text(ctx, m)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "gomeko-*.json") // only the user can read it
	if err != nil {
		return err
	}
	name := file.Name()
	_, err = file.WriteString(before)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	var after []byte
	if err == nil {
		err = c.openEditor(ctx, name)
	}
	if err == nil {
		after, err = os.ReadFile(name)
	}
	if err == nil && string(after) != before && strings.TrimSpace(string(after)) != "" {
		if err := desk.SetText(ctx, m, string(after)); err != nil {
			return fmt.Errorf("%w: what you wrote is in %s", err, name)
		}
	}
	_ = os.Remove(name)
	if err == nil && strings.TrimSpace(string(after)) == "" {
		return parked.ErrSkip
	}
	return err
}

// openEditor opens a file in the user's editor, and returns when it is closed.
func (c *command) openEditor(ctx context.Context, file string) error {
	editor := strings.Fields(cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi"))
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("editor %s: %w: set EDITOR to another one, or end it with status 0", strings.Join(editor, " "), err)
	}
	return nil
}

// ignoreInterrupts has Ctrl-C do nothing to this process. A program that it starts still gets it.
func ignoreInterrupts() (restore func()) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	return func() { signal.Stop(interrupts) }
}
