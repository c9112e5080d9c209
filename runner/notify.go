package runner

import (
	"log/slog"
	"net"
	"os"
	"strings"
)

// notify tells systemd the state of the process, in lines as sd_notify(3) has them, if that has started it as Type=notify.
func notify(state ...string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", socket) // for Go too, @ begins the name of an abstract one
	if err == nil {
		defer conn.Close()
		_, err = conn.Write([]byte(strings.Join(state, "\n")))
	}
	if err != nil {
		slog.Warn("systemd was not told", "state", state[0], "err", err)
	}
}
