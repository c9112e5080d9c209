package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// A responseWriter is the http.ResponseWriter of one request, inside the middleware. It records
// what the access log shows, limits the time that the client takes to receive each part, and holds
// back the 404 and 405 responses of the mux.
type responseWriter struct {
	http.ResponseWriter
	server *server // nil if a middleware has wrapped the server's own responseWriter
	http2  bool

	status   int   // 0 until the header is written
	bytes    int64 // of the body
	id       [1]string
	inMux    bool   // the mux has not found a handler yet: a 404 or 405 is its own response
	refused  int    // the mux's 404 or 405, for which dispatch writes another response
	pattern  string // the pattern that the mux matched
	extended time.Time
}

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(status int) {
	if w.inMux && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		w.refused = status
		return
	}
	if !w.http2 {
		w.extend()
	}
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.refused != 0 {
		return len(p), nil
	}
	w.begin()
	n, err := w.ResponseWriter.Write(p)
	w.pause()
	w.bytes += int64(n)
	return n, err
}

// WriteString implements [io.StringWriter]. It does not copy the text.
func (w *responseWriter) WriteString(text string) (int, error) {
	if w.refused != 0 {
		return len(text), nil
	}
	w.begin()
	n, err := io.WriteString(w.ResponseWriter, text)
	w.pause()
	w.bytes += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError implements the optional method of [http.ResponseController].
func (w *responseWriter) FlushError() error {
	w.begin()
	defer w.pause()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker].
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffer, err
}

// Unwrap lets [http.ResponseController] find the underlying writer.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// begin is called before anything is sent.
func (w *responseWriter) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
}

// extend moves the write deadline. To save system calls, it does not do so for every write.
func (w *responseWriter) extend() {
	if w.server == nil {
		return
	}
	limit := w.server.cfg.WriteTimeout
	if now := time.Now(); now.Sub(w.extended) > limit/8 {
		w.extended = now
		// Connections of a custom listener may not support deadlines.
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(limit))
	}
}

// pause removes the write deadline of an HTTP/2 request until more is written, because HTTP/2
// resets an idle stream at the deadline; with HTTP/1 only a write fails.
func (w *responseWriter) pause() {
	if w.http2 && w.server != nil {
		w.extended = time.Time{}
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(w.extended)
	}
}

// end limits the time to send what is still buffered when the handler has returned.
func (w *responseWriter) end() {
	if w.http2 {
		w.extend()
	}
}
