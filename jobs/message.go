package jobs

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// plain returns the body of a message, decompressed: a row has no place for how it is compressed.
func plain(d *transport.Delivery, conn *transport.Conn) ([]byte, error) {
	switch strings.ToLower(d.ContentEncoding) {
	case "", "utf-8", "binary", "identity", "us-ascii":
		return d.Body, nil
	}
	b := new(codec.Budget)
	_, body, err := conn.Accepts().Open(d.Encoded(), conn.MaxMessage(), b)
	defer b.Close()
	return bytes.Clone(body), err
}

// storable returns why the store would refuse a job, and with it all others of the same statement.
func storable(j *store.New) error {
	for _, text := range []string{j.ID, j.Name, j.ContentType, j.ReplyTo, j.CorrelationID} {
		if len(text) > maxID || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return errors.New("its id, name, content type, reply_to and correlation_id must be UTF-8 without NUL, of at most 255 bytes")
		}
	}
	return nil
}

// log returns the logger of the queue.
func (q *queue) log() *slog.Logger {
	return q.process.host.Logger().With("service", q.service)
}
