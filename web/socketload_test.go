package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Two thousand sockets take little memory each, and receive an event quickly, although one of them
// reads nothing.
func TestManySockets(t *testing.T) {
	const sockets, most = 2000, 32 << 10
	hubs := make(chan web.Hub, sockets)
	p := startConfigured(t, service.Config{Logger: slog.New(slog.DiscardHandler)}, web.Config{}, &Newsroom{hubs: hubs})
	before := heap()
	conns := make([]net.Conn, sockets)
	for i := range conns {
		conns[i] = p.rawSocket(t)
	}
	open := heap()
	t.Logf("%d sockets: %d bytes each, with the test's end of it", sockets, (open-before)/sockets)
	for _, conn := range conns {
		if _, err := io.WriteString(conn, frame(0x81, asking("watch", "", "w"))); err != nil {
			t.Fatal(err)
		}
		rawFrame(t, conn)
	}
	each := (heap() - before) / sockets
	t.Logf("%d bytes each, subscribed", each)
	if each > most {
		t.Errorf("got %d bytes each, want %d at most", each, most)
	}

	hub := <-hubs
	deaf := conns[0]
	const rounds = 20
	var worst time.Duration
	for range rounds {
		began := time.Now()
		if err := hub.Broadcast(context.Background(), "all", "told", strings.Repeat("rain ", 20)); err != nil {
			t.Fatal(err)
		}
		for _, conn := range conns[1:] {
			rawFrame(t, conn)
		}
		worst = max(worst, time.Since(began))
	}
	t.Logf("a broadcast to all has come to the last after %s at most, of %d", worst, rounds)
	deaf.Close()
}
