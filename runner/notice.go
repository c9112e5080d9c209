package runner

import (
	"fmt"
	"io"
	"log/slog"
)

// notices tell what a process does: in lines for people, or, without lines, in the log.
type notices struct {
	lines io.Writer
	log   *slog.Logger
}

// tell writes line, or logs msg and attrs.
func (n notices) tell(line, msg string, attrs ...any) {
	if n.lines != nil {
		say(n.lines, "%s", line)
		return
	}
	n.log.Info(msg, attrs...) //nolint:sloglint // callers pass constants
}

// line writes a line about something that the log has in another form.
func (n notices) line(format string, args ...any) {
	if n.lines != nil {
		say(n.lines, format, args...)
	}
}

// say writes a line for people.
func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
