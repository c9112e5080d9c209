package runner

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
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

// notify tells systemd the state of the process, in the lines of sd_notify(3), if systemd started
// it with Type=notify.
func (n notices) notify(state ...string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" || n.lines == nil {
		return
	}
	conn, err := net.Dial("unixgram", socket) // Go resolves abstract names, which begin with @, too
	if err == nil {
		defer conn.Close()
		_, err = conn.Write([]byte(strings.Join(state, "\n")))
	}
	if err != nil {
		n.log.Warn("systemd was not told", "state", state[0], "err", err)
	}
}
