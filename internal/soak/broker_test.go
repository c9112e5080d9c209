package soak_test

import (
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// drained waits until there are this many queues, all of them empty, without unacknowledged
// messages. A queue of a process that was killed while it started is deleted within a minute.
func drained(t *testing.T, node *brokertest.Node, many int) {
	t.Helper()
	for deadline := time.Now().Add(hosttest.Timeout); ; {
		got := queues(node)
		if n := strings.Count(got, "\n"); n == many && n == strings.Count(got, "\t0\t0\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got queues (ready, unacknowledged)\n%s\nwant %d, all empty, in %v", got, many, hosttest.Timeout)
		}
	}
}

// queues lists the queues with their numbers of ready and of unacknowledged messages.
func queues(node *brokertest.Node) string {
	return node.Control("list_queues", "name", "messages_ready", "messages_unacknowledged", "--no-table-headers")
}

// sockets are connections to the broker that can be cut. The zero value has none.
type sockets struct {
	mu    sync.Mutex
	conns []net.Conn
}

// Dial is a transport.Config.Dial.
func (s *sockets) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return conn, nil
}

// cut closes some of the connections so far, or all.
func (s *sockets) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		if rand.N(2) == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // the broker sees a reset, as after a crash
			conn.Close()
		}
	}
}
