package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gomeko/gomeko/codec"
)

// A body is a request's body, limited in time and size.
type body struct {
	io.ReadCloser
	control *http.ResponseController // nil once the deadline is removed
}

// limitBody limits r's body as the configuration says.
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

// Read removes the deadline at the end of the body: net/http keeps reading, to notice when the
// client disconnects.
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

// unread returns the error of a body that was not decoded to its end: see [codec.Unread].
func unread(err error) *Error {
	if over := (*codec.OverBudget)(nil); errors.As(err, &over) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Type: "ContentTooLarge", Message: "the body " + err.Error()}
	}
	return &Error{Status: http.StatusServiceUnavailable, Message: "the request has ended", Err: err}
}

// readInto reads all of r into memory, which the hold takes as it is allocated: a client that
// promises a large body has not sent it yet. length is what the client says, or less than 1.
func readInto(h *hold, r io.Reader, length int64) ([]byte, error) {
	var data []byte
	for {
		if len(data) == cap(data) {
			size := int64(max(512, 2*cap(data)))
			if known := length + 1; size > known && known > int64(len(data)) { // one more, to see the end
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
