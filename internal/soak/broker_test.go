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

// drained waits until exactly many queues exist, and all of them are empty and have no
// unacknowledged messages. The queue of a process that was killed during its start is deleted
// within a minute.
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

// queues lists the queues with the numbers of ready and unacknowledged messages.
func queues(node *brokertest.Node) string {
	return node.Control("list_queues", "name", "messages_ready", "messages_unacknowledged", "--no-table-headers")
}

// sockets holds connections to the broker that can be cut. The zero value has none.
type sockets struct {
	mu    sync.Mutex
	conns []net.Conn
}

// Dial can be used as transport.Config.Dial.
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

// cut closes some or all of the connections opened so far.
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
