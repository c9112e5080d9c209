package jobs

import (
	"bytes"
	"log/slog"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/transport"
)

// plain returns the decompressed body of a message. A row does not record how a body is compressed.
func plain(d *transport.Delivery, conn *transport.Conn, b *codec.Budget) ([]byte, error) {
	switch strings.ToLower(d.ContentEncoding) {
	case "", "utf-8", "utf8", "binary", "identity", "us-ascii":
		if d.Headers[compressionHeader] == nil {
			return d.Body, nil
		}
	}
	_, body, err := conn.Accepts().Open(d.Encoded(), conn.MaxMessage(), b)
	return bytes.Clone(body), err
}

// compressionHeader says how a body is compressed: kombu's header.
const compressionHeader = "compression"

// log returns the logger of the queue.
func (q *queue) log() *slog.Logger {
	return q.process.host.Logger().With("service", q.service)
}
