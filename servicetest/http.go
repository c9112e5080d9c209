package servicetest

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/gomeko/gomeko/web"
)

// HTTP returns a client of the services' routes, which are served in memory: whatever host and port a URL names, it is they.
//
//	answer, err := h.HTTP().Get("http://orders/orders/7")
//
// A [web.Config] among the services, by [service.Configure], says how they are served. If it has a Listen, they are served
// there, and this client does not reach them.
func (h *Host) HTTP() *http.Client { return h.http }

// A wire is a listener in memory.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newWire() *wire {
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	return w
}

// client returns a client for whom all addresses are the wire.
func (w *wire) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return w.dial(ctx)
	}}}
}

// dial returns the client's end of a connection that the services have accepted.
func (w *wire) dial(ctx context.Context) (net.Conn, error) {
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

// listen is a [web.Config]'s Listen.
func (w *wire) listen(context.Context, string) (net.Listener, error) { return w, nil }

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

// serve returns cfg with the wire as its listener, unless it has another one.
func (w *wire) serve(cfg web.Config) web.Config {
	if cfg.Listen == nil {
		cfg.Listen = w.listen
	}
	return cfg
}
