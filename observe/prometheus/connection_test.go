package prometheus_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// links are the connections of a process to its broker, which the test cuts.
type links struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (l *links) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

func (l *links) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

// A lost connection is counted, and the connection's state is reported.
func TestConnections(t *testing.T) {
	t.Parallel()
	way, port := new(links), new(hosttest.Port)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t), Dial: way.dial}}, new(Orders),
		service.Defaults(web.Config{Listen: port.Listen}), prometheus.Module(prometheus.Config{Path: "/metrics"}))
	sums := func() (connected, lost float64) {
		for series, n := range parse(t, get(t, "http://"+port.Address()+"/metrics")) {
			switch {
			case strings.HasPrefix(series, "gomeko_broker_connected{purpose="):
				connected += n
			case strings.HasPrefix(series, "gomeko_broker_disconnects_total{purpose="):
				lost += n
			}
		}
		return connected, lost
	}
	all, lost := sums()
	if all == 0 || lost != 0 {
		t.Fatalf("got %v connections and %v lost, want some and none", all, lost)
	}
	way.cut()
	hosttest.Eventually(t, "all are lost once and back", func() bool {
		connected, lost := sums()
		return connected == all && lost == all
	})
}

// A warning is logged if nobody can read a program's metrics.
func TestNotServed(t *testing.T) {
	const warning = "metrics are not served: set gomeko.admin, or path under prometheus"
	for path, want := range map[string]int{"": 1, "/metrics": 0} {
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}}, new(Orders),
			service.Defaults(web.Config{Listen: new(hosttest.Port).Listen}), prometheus.Module(prometheus.Config{Path: path}))
		if got := len(h.Log.Lines(warning)); got != want {
			t.Errorf("path %q: got %d warnings, want %d", path, got, want)
		}
	}
}
