package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// An exchange is a request and the answer to it, as it goes out.
type exchange struct {
	http.ResponseWriter
	server *server
	http2  bool

	status   int   // 0 until there is one
	bytes    int64 // of the body
	id       [1]string
	inMux    bool // the mux has it, and no handler yet: what is answered are the mux's own refusals
	refused  int  // what the mux has answered, to be said in our words
	pattern  string
	extended time.Time // when the time to write was
}

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) {
	if x.inMux && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		x.refused = status
		return
	}
	if !x.http2 {
		x.extend()
	}
	if x.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (x *exchange) Write(p []byte) (int, error) {
	if x.refused != 0 {
		return len(p), nil
	}
	x.begin()
	n, err := x.ResponseWriter.Write(p)
	x.taken()
	x.bytes += int64(n)
	return n, err
}

// WriteString saves who has a string a copy.
func (x *exchange) WriteString(text string) (int, error) {
	if x.refused != 0 {
		return len(text), nil
	}
	x.begin()
	n, err := io.WriteString(x.ResponseWriter, text)
	x.taken()
	x.bytes += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (x *exchange) FlushError() error {
	x.begin()
	defer x.taken()
	return http.NewResponseController(x.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker].
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err == nil {
		x.status = http.StatusSwitchingProtocols
	}
	return conn, buffer, err
}

// Unwrap is for [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// begin is called ahead of what goes out.
func (x *exchange) begin() {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	x.extend()
}

// extend gives the client time to take what is written next. It is not done for each byte.
func (x *exchange) extend() {
	if x.server == nil { // one within a middleware's
		return
	}
	limit := x.server.cfg.WriteTimeout
	if now := time.Now(); now.Sub(x.extended) > limit/8 {
		x.extended = now
		_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(now.Add(limit)) // a listener's own conns may have none
	}
}

// taken lifts the limit by HTTP/2 until more is written: there it resets a stream that is silent, while by HTTP/1 it ends a write.
func (x *exchange) taken() {
	if x.http2 && x.server != nil {
		x.extended = time.Time{}
		_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(x.extended)
	}
}

// end limits what is left to be sent when the handler has returned.
func (x *exchange) end() {
	if x.http2 {
		x.extend()
	}
}

// A body is the body of a request, within its time and its size.
type body struct {
	io.ReadCloser
	control *http.ResponseController
}

// limit puts r's body within what the configuration lets it be.
func (s *server) limit(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(s.cfg.ReadTimeout)) != nil {
		control = nil
	}
	r.Body = &body{http.MaxBytesReader(w, r.Body, s.cfg.MaxBody), control}
}

// Read lifts the limit of time when all has come: the connection is watched on, for a client that goes.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.control != nil {
		_ = b.control.SetReadDeadline(time.Time{})
		b.control = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // also for a method that reads it, and returns the error
		err = &Error{Status: http.StatusRequestTimeout, Message: "the body did not come in time", Err: err}
	}
	return n, err
}

// readError is the error of a request whose body could not be read.
func readError(err error) *Error {
	var large *http.MaxBytesError
	var late *Error
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.As(err, &late):
		return late
	}
	return &Error{Status: http.StatusBadRequest, Message: "the body did not come whole", Err: err}
}
