package statsd

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// A link is the socket of a sender. Only one goroutine may use it.
type link struct {
	address string
	logger  *slog.Logger

	conn    net.Conn
	dialed  time.Time
	logged  time.Time // of the last warning
	dropped int       // surplus metrics, not logged yet
}

// send sends a packet, or drops it. A failure is logged once a minute.
func (l *link) send(packet []byte) {
	if l.conn == nil || time.Since(l.dialed) > redial {
		l.dial()
	}
	if l.conn == nil {
		return
	}
	if _, err := l.conn.Write(packet); err != nil {
		l.warn("metrics are not sent to StatsD", slog.Any("err", err))
	}
}

// dial resolves the address again, because it may have changed. If that fails, it keeps the old
// socket.
func (l *link) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), resolving)
	defer cancel()
	l.dialed = time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "udp", l.address)
	if err != nil {
		l.warn("metrics are not sent to StatsD", slog.Any("err", err))
		return
	}
	l.close()
	l.conn = conn
}

func (l *link) close() {
	if l.conn != nil {
		l.conn.Close()
	}
}

// report logs that n metrics were dropped because there were too many, or because they were too
// long.
func (l *link) report(n int) {
	l.dropped += n
	if l.dropped > 0 && l.warn("metrics for StatsD were dropped", slog.Int("dropped", l.dropped)) {
		l.dropped = 0
	}
}

// warn logs a failure, unless one was logged within the last minute.
func (l *link) warn(message string, what slog.Attr) bool {
	if time.Since(l.logged) < redial {
		return false
	}
	l.logged = time.Now()
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, message, slog.String("address", l.address), what) //nolint:sloglint // a constant of each caller
	return true
}
