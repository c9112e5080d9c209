package rpc_test

import (
	"errors"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
)

// The broker dies and comes back: the call in flight ends with its reply, and the service answers by itself.
func TestBrokerKilled(t *testing.T) {
	node := brokertest.StartNode(t)
	w := newWorker()
	server := start(t, node.URI(), w)
	var tap tap
	client := dial(t, node.URI(), rpc.Config{}, &tap).Client("worker")
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Fatal(err)
	}

	var got string
	ended := make(chan error)
	go func() { ended <- client.Call(t.Context(), "hold", &got) }()
	wait(t, "the call", w.Held)
	tap.Confirmed(t, 3) // the first was no call; and so it is on the broker's disk
	node.Kill()
	node.Start()
	if call := wait(t, "the call, again", w.Held); !call.Redelivered {
		t.Error("got a call that is not said to be redelivered")
	}
	for range 2 { // the one before the kill, and the one after it
		w.Release <- struct{}{}
	}
	if err := wait(t, "the reply", ended); err != nil || got != "held" {
		t.Errorf("got %q, %v from the call in flight, want its reply", got, err)
	}
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Errorf("got %v from a call afterwards, want nil", err)
	}
	if n := client.Waiting(); n != 0 {
		t.Errorf("got %d calls that wait, want 0", n)
	}
	server.stop(t)
	if n := brokertest.Depth(t, node.URI(), "rpc-worker"); n != 0 {
		t.Errorf("got %d requests left in the queue, want 0", n)
	}
}

// A call that the broker dies under says so, or waits for it: none hangs.
func TestCallsWhileBrokerDies(t *testing.T) {
	node := brokertest.StartNode(t)
	start(t, node.URI(), newWorker())
	client := dial(t, node.URI(), rpc.Config{}, nil).Client("worker")
	const callers = 4
	down, ended := make(chan struct{}), make(chan error)
	for range callers {
		go func() {
			for {
				if err := client.Call(t.Context(), "nothing", nil); err != nil && !errors.Is(err, rpc.ErrConnectionLost) {
					ended <- err
					return
				}
				select {
				case <-down:
					ended <- client.Call(t.Context(), "nothing", nil)
					return
				default:
				}
			}
		}()
	}
	node.Kill()
	close(down)
	node.Start()
	for range callers {
		if err := wait(t, "a call", ended); err != nil && !errors.Is(err, rpc.ErrConnectionLost) {
			t.Errorf("got %v, want nil or ErrConnectionLost", err)
		}
	}
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Errorf("got %v from a call afterwards, want nil", err)
	}
	node.Kill() // and with it dead both still stop, which the end of the test waits for
}
