package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// A link is the connection to a broker, which can be cut and restored.
type link struct {
	mu sync.Mutex

	cut   bool
	conns []net.Conn
}

func (l *link) Dial(ctx context.Context, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.New("the link is cut")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

// A process without routes also serves the health check. It is not ready while the broker has been
// unreachable for longer than ReadyGrace.
func TestReady(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]time.Duration{"with a grace": time.Millisecond, "without the broker": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way := new(link)
			broker := transport.Config{URI: brokertest.Embedded(t), Dial: way.Dial}
			p := start(t, web.Config{ReadyPath: "/ready", ReadyGrace: grace}, new(Back),
				service.Configure(broker), service.Configure[service.Extension](web.ServeReady))
			ready := func() (status int, text string) {
				status, _, text = request(t, p, "GET", "/ready", "", "")
				return status, text
			}
			if status, text := ready(); status != http.StatusOK || text != "ready\n" {
				t.Errorf("got %d %q, want that it is ready", status, text)
			}
			way.set(true)
			hosttest.Eventually(t, "the loss is logged", func() bool { return strings.Contains(p.Log.String(), "cannot reconnect") })
			switch status, text := ready(); {
			case grace < 0 && status != http.StatusOK:
				t.Errorf("got %d %q, want that it is ready", status, text)
			case grace > 0 && (status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "the broker has been away for ")):
				t.Errorf("got %d %q, want 503 and the reason", status, text)
			}
			way.set(false)
			hosttest.Eventually(t, "it is ready again", func() bool { status, _ := ready(); return status == http.StatusOK })
		})
	}
}

// A process is not ready while it starts, or while it stops.
func TestReadyStages(t *testing.T) {
	t.Parallel()
	h, err := hosttest.New(t, hosttest.Config{}, new(Files).filled(), service.Configure(web.Config{Listen: new(hosttest.Port).Listen}))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Host().Ready(0); err == nil || err.Error() != "starting" {
		t.Errorf("got %v, want that it is starting", err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Host().Ready(0); err != nil {
		t.Errorf("got %v, want that it is ready", err)
	}
	hosttest.Close(t, h.Stop)
	if err := h.Host().Ready(0); err == nil || err.Error() != "stopping" {
		t.Errorf("got %v, want that it is stopping", err)
	}
}

func (f *Files) filled() *Files {
	f.Static = web.Mount{Handler: http.NotFoundHandler()}
	return f
}
