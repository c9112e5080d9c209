package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gomeko/gomeko/codec"
)

// A body is a request's body with limits on its size and on the time to read it.
type body struct {
	io.ReadCloser
	control *http.ResponseController // nil once the deadline has been removed
}

// limitBody limits r's body according to the configuration.
func (s *server) limitBody(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout)) != nil {
		control = nil
	}
	r.Body = &body{http.MaxBytesReader(w, r.Body, s.cfg.MaxBody), control}
}

// Read removes the deadline at the end of the body, because net/http keeps reading to notice when
// the client disconnects.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.control != nil {
		_ = b.control.SetReadDeadline(time.Time{})
		b.control = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // a method that reads the body may return this error
		err = &Error{Status: http.StatusRequestTimeout, Message: "the body did not arrive in time", Err: err}
	}
	return n, err
}

// bodyError returns the error for a client whose body could not be read.
func bodyError(err error) *Error {
	var large *http.MaxBytesError
	var late *Error
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.As(err, &late):
		return late
	}
	return &Error{Status: http.StatusBadRequest, Message: "the body is incomplete", Err: err}
}

// unread returns the error for a body that was not decoded to its end: see [codec.Unread].
func unread(err error) *Error {
	if over := (*codec.OverBudget)(nil); errors.As(err, &over) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Type: "ContentTooLarge", Message: "the body " + err.Error()}
	}
	return &Error{Status: http.StatusServiceUnavailable, Message: "the request has ended", Err: err}
}

// readInto reads all of r into memory. It takes memory from the hold as it allocates, because a
// client that announces a large body may never send it. length is the announced length, or less
// than 1 if unknown.
func readInto(h *hold, r io.Reader, length int64) ([]byte, error) {
	var data []byte
	for {
		if len(data) == cap(data) {
			size := int64(max(512, 2*cap(data)))
			if known := length + 1; size > known && known > int64(len(data)) { // one byte more, to detect the end
				size = known
			}
			if failed := h.take(size - int64(cap(data))); failed != nil {
				return nil, failed
			}
			data = append(make([]byte, 0, size), data...)
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			if h.cutOff() {
				err = errTooSlow
			}
			return nil, err
		}
	}
}
