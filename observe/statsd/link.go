package statsd

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// A link is the socket of a sender. It is used by one goroutine.
type link struct {
	address string
	logger  *slog.Logger

	conn    net.Conn
	dialed  time.Time
	logged  time.Time // of the last warning
	dropped int       // metrics that were too many, and are not logged yet
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

// dial resolves the address, which may have moved. It keeps the old socket if that fails.
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

// report logs that n metrics were dropped because they were too many or too long.
func (l *link) report(n int) {
	l.dropped += n
	if l.dropped > 0 && l.warn("metrics for StatsD were dropped", slog.Int("dropped", l.dropped)) {
		l.dropped = 0
	}
}

// warn logs a failure, unless it has logged one within a minute.
func (l *link) warn(message string, what slog.Attr) bool {
	if time.Since(l.logged) < redial {
		return false
	}
	l.logged = time.Now()
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, message, slog.String("address", l.address), what) //nolint:sloglint // a constant of each caller
	return true
}
