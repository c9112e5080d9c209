package web

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// An outlet is what a method writes its answer to while it runs, or its stream is written to. When its call is over, be it
// that the method still runs, nothing goes through it any more.
type outlet struct {
	mu sync.Mutex

	w      http.ResponseWriter
	header http.Header // the method's, until it begins
	begun  bool
	over   bool
}

// Header implements [http.ResponseWriter].
func (o *outlet) Header() http.Header {
	if o.header == nil {
		o.header = make(http.Header)
	}
	return o.header
}

// WriteHeader implements [http.ResponseWriter].
func (o *outlet) WriteHeader(status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.begin(status)
	}
}

func (o *outlet) begin(status int) {
	if !o.begun {
		maps.Copy(o.w.Header(), o.header)
	}
	o.begun = o.begun || status >= 200
	o.w.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return 0, http.ErrHandlerTimeout
	}
	if !o.begun {
		o.begin(http.StatusOK)
	}
	return o.w.Write(p)
}

// Flush implements [http.Flusher].
func (o *outlet) Flush() { _ = o.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (o *outlet) FlushError() error {
	return o.control(func(c *http.ResponseController) error {
		if !o.begun {
			o.begin(http.StatusOK)
		}
		return c.Flush()
	})
}

// Hijack implements [http.Hijacker].
func (o *outlet) Hijack() (conn net.Conn, buffer *bufio.ReadWriter, err error) {
	err = o.control(func(c *http.ResponseController) error {
		conn, buffer, err = c.Hijack()
		o.begun = o.begun || err == nil
		return err
	})
	return conn, buffer, err
}

// SetReadDeadline is what [http.ResponseController] calls.
func (o *outlet) SetReadDeadline(at time.Time) error {
	return o.control(func(c *http.ResponseController) error { return c.SetReadDeadline(at) })
}

// SetWriteDeadline is what [http.ResponseController] calls.
func (o *outlet) SetWriteDeadline(at time.Time) error {
	return o.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(at) })
}

// EnableFullDuplex is what [http.ResponseController] calls.
func (o *outlet) EnableFullDuplex() error {
	return o.control(func(c *http.ResponseController) error { return c.EnableFullDuplex() })
}

func (o *outlet) control(do func(*http.ResponseController) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return http.ErrHandlerTimeout
	}
	return do(http.NewResponseController(o.w))
}

// end closes the outlet, and reports whether something has gone through it.
func (o *outlet) end() (begun bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	return o.begun
}

// finish ends the answer of a method that has returned, the trailers with it.
func (o *outlet) finish() {
	begun := o.end()
	maps.Copy(o.w.Header(), o.header)
	if !begun {
		o.w.WriteHeader(http.StatusOK)
	}
}
