package runner

import (
	"os"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A call that no process consumes waits until its deadline. The command says so earlier.
func TestCallUnconsumed(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
		if err != nil {
			t.Fatal(err)
		}
		defer hosttest.Close(t, conn.Close)
		left := transport.Queue{Name: "rpc-gone"} // of a service that has stopped
		if err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{left}}); err != nil {
			t.Fatal(err)
		}
		said := make(chan struct{}, 1)
		out := &output{on: map[string]func(){"nobody consumes queue rpc-gone: the call waits": func() { said <- struct{}{} }}}
		c := &command{in: os.Stdin, out: out, err: out}
		stop := c.sayIfUnconsumed(t.Context(), conn, "gone", 0)
		select {
		case <-said:
		case <-time.After(30 * time.Second):
			t.Error("got nothing, want that nobody consumes the queue")
		}
		stop()
	})
}
