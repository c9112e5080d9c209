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

// An edit replays messages whose bodies the user edits first.
type edit struct {
	*command

	desk *parked.Desk
	file string // what the user wrote last, kept until that message is replayed
}

// change lets the user edit the body of a message. It returns [parked.ErrSkip] if the user leaves
// the file empty. It is used as Work.Edit.
func (e *edit) change(ctx context.Context, m *parked.Message) error {
	before, err := e.desk.Text(ctx, m)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "gomeko-*.json") // readable only by the user
	if err != nil {
		return err
	}
	e.file = file.Name()
	_, err = file.WriteString(before)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	var after []byte
	if err == nil {
		err = e.openEditor(ctx, e.file)
	}
	if err == nil {
		after, err = os.ReadFile(e.file)
	}
	text := string(after)
	switch {
	case err != nil || text == before:
		e.remove()
		return err
	case strings.TrimSpace(text) == "":
		e.remove()
		return parked.ErrSkip
	}
	return e.desk.SetText(ctx, m, text)
}

// replay replays an edited message. It is used as Work.Do.
func (e *edit) replay(ctx context.Context, m *parked.Message) error {
	err := e.desk.Replay(ctx, m)
	if err == nil {
		e.remove()
	}
	return err
}

// remove removes the file.
func (e *edit) remove() {
	if e.file != "" {
		_ = os.Remove(e.file)
		e.file = ""
	}
}

// explain adds to the error of the work which file has the user's text.
func (e *edit) explain(err error) error {
	if err == nil || e.file == "" {
		return err
	}
	return fmt.Errorf("%w: what you wrote is in %s", err, e.file)
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

// ignoreInterrupts makes this process ignore Ctrl-C. A program that it starts still receives it.
func ignoreInterrupts() (restore func()) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	return func() { signal.Stop(interrupts) }
}
