package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
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
