package runner

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/gomeko/gomeko/internal/supervisor"
)

// notices tell what a process does, in lines for people or, if lines is nil, in the log.
type notices struct {
	lines   io.Writer
	log     *slog.Logger
	systemd bool // systemd is told, too

	parent *supervisor.Parent // told instead of systemd
}

// tell writes line, or logs msg and attrs.
func (n notices) tell(line, msg string, attrs ...any) {
	if n.lines != nil {
		say(n.lines, "%s", line)
		return
	}
	n.log.Info(msg, attrs...) //nolint:sloglint // callers pass constants
}

// line writes a line that the log contains in another form.
func (n notices) line(format string, args ...any) {
	if n.lines != nil {
		say(n.lines, format, args...)
	}
}

// warn writes the warnings of a configuration, or logs them.
func (n notices) warn(warnings []string) {
	for _, warning := range warnings {
		if n.lines != nil {
			say(n.lines, "warning: %s", warning)
			continue
		}
		n.log.Warn("configuration", "warning", warning)
	}
}

// report writes or logs a line of another program's output.
func (n notices) report(line string) {
	if n.lines != nil {
		say(n.lines, "%s", line)
		return
	}
	n.log.Error("build", "line", line)
}

// say writes a line for people.
func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
