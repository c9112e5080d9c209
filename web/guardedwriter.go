package web

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// A guardedWriter is the http.ResponseWriter of a method or its stream. It refuses writes once the
// call is over, even if the method is still running.
type guardedWriter struct {
	mu sync.Mutex

	w      http.ResponseWriter
	header http.Header // the method's headers until they are written
	begun  bool
	over   bool
}

// Header implements [http.ResponseWriter].
func (g *guardedWriter) Header() http.Header {
	if g.header == nil {
		g.header = make(http.Header)
	}
	return g.header
}

// WriteHeader implements [http.ResponseWriter].
func (g *guardedWriter) WriteHeader(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.begin(status)
	}
}

// begin writes the header. It is called with mu held.
func (g *guardedWriter) begin(status int) {
	if !g.begun {
		maps.Copy(g.w.Header(), g.header)
	}
	g.begun = g.begun || status >= 200
	g.w.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (g *guardedWriter) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return 0, http.ErrHandlerTimeout
	}
	if !g.begun {
		g.begin(http.StatusOK)
	}
	return g.w.Write(p)
}

// Flush implements [http.Flusher].
func (g *guardedWriter) Flush() { _ = g.FlushError() }

// FlushError implements the optional method of [http.ResponseController].
func (g *guardedWriter) FlushError() error {
	return g.control(func(c *http.ResponseController) error {
		if !g.begun {
			g.begin(http.StatusOK)
		}
		return c.Flush()
	})
}

// Hijack implements [http.Hijacker].
func (g *guardedWriter) Hijack() (conn net.Conn, buffer *bufio.ReadWriter, err error) {
	err = g.control(func(c *http.ResponseController) error {
		conn, buffer, err = c.Hijack()
		g.begun = g.begun || err == nil
		return err
	})
	return conn, buffer, err
}

// SetReadDeadline implements the optional method of [http.ResponseController].
func (g *guardedWriter) SetReadDeadline(at time.Time) error {
	return g.control(func(c *http.ResponseController) error { return c.SetReadDeadline(at) })
}

// SetWriteDeadline implements the optional method of [http.ResponseController].
func (g *guardedWriter) SetWriteDeadline(at time.Time) error {
	return g.control(func(c *http.ResponseController) error { return c.SetWriteDeadline(at) })
}

// EnableFullDuplex implements the optional method of [http.ResponseController].
func (g *guardedWriter) EnableFullDuplex() error {
	return g.control(func(c *http.ResponseController) error { return c.EnableFullDuplex() })
}

func (g *guardedWriter) control(do func(*http.ResponseController) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return http.ErrHandlerTimeout
	}
	return do(http.NewResponseController(g.w))
}

// end makes all further writes fail, and reports whether the response had begun.
func (g *guardedWriter) end() (begun bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	return g.begun
}

// finish completes the response of a method that has returned, with its trailers.
func (g *guardedWriter) finish() {
	begun := g.end()
	maps.Copy(g.w.Header(), g.header)
	if !begun {
		g.w.WriteHeader(http.StatusOK)
	}
}
