package servicetest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/gomeko/gomeko/web"
)

// HTTP returns a client of the services' routes, which are served in memory. It ignores the host
// and the port of a URL.
//
//	answer, err := h.HTTP().Get("http://orders/orders/7")
//
// To configure the server, pass a [web.Config] to [New], with [service.Configure]. If it has a
// Listen, routes are served there, and this client does not reach them.
func (h *Host) HTTP() *http.Client { return h.http }

// A wire is a listener in memory.
type wire struct {
	conns    chan net.Conn
	listened atomic.Bool // whether the services serve HTTP here
	closed   chan struct{}
	close    func()
}

func newWire() *wire {
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	return w
}

// client returns a client whose connections all go to the wire.
func (w *wire) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return w.dial(ctx)
	}}}
}

// dial returns the client's end of a connection that the services have accepted.
func (w *wire) dial(ctx context.Context) (net.Conn, error) {
	if !w.listened.Load() {
		return nil, errors.New("servicetest: no service has a web.Route, web.SocketMethod or web.Mount that is served here")
	}
	ours, theirs := net.Pipe()
	select {
	case w.conns <- theirs:
		return ours, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listen is the Listen of a [web.Config].
func (w *wire) listen(context.Context, string) (net.Listener, error) {
	w.listened.Store(true)
	return w, nil
}

// Accept implements [net.Listener].
func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (w *wire) Close() error {
	w.close()
	return nil
}

// Addr implements [net.Listener].
func (w *wire) Addr() net.Addr { return memory{} }

type memory struct{}

func (memory) Network() string { return "memory" }
func (memory) String() string  { return "memory" }

// serve returns cfg with the wire as its listener, unless it has one.
func (w *wire) serve(cfg web.Config) web.Config {
	if cfg.Listen == nil {
		cfg.Listen = w.listen
	}
	return cfg
}
