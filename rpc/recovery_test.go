package rpc_test

import (
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// TestBrokerKilled kills and restarts the broker: the call in flight ends with its reply, and the
// service answers again.
func TestBrokerKilled(t *testing.T) {
	node := brokertest.StartNode(t)
	w := newWorker()
	server := start(t, node.URI(), w)
	var tap tap
	client := dial(t, node.URI(), rpc.Config{Timeout: -1}, &tap).Client("worker") // a broker may take long to start
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Fatal(err)
	}

	var got string
	ended := make(chan error)
	go func() { ended <- client.Call(t.Context(), "hold", &got) }()
	hosttest.Receive(t, "the call", w.Held)
	tap.Confirmed(t, 2)                        // the request is on the broker's disk now
	node.Control("eval", "mnesia:sync_log().") // and so are the queues: otherwise a kill loses queues that were declared seconds ago
	node.Kill()
	node.Start()
	server.Log.Wait(t, 1, "delivered again while it is handled")
	w.Release <- struct{}{}
	if err := hosttest.Receive(t, "the reply", ended); err != nil || got != "held" {
		t.Errorf("got %q, %v from the call in flight, want its reply", got, err)
	}
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Errorf("got %v from a call afterwards, want nil", err)
	}
	if n := client.Waiting(); n != 0 {
		t.Errorf("got %d calls that wait, want 0", n)
	}
	if n := len(w.Held); n != 0 {
		t.Errorf("got %d second runs of a call that ran, want none", n)
	}
	server.stop(t)
	if n := brokertest.Depth(t, node.URI(), "rpc-worker"); n != 0 {
		t.Errorf("got %d requests left in the queue, want 0", n)
	}
}

// If the broker dies during a call, the call says so or waits for the broker; none hangs.
func TestCallsWhileBrokerDies(t *testing.T) {
	node := brokertest.StartNode(t)
	start(t, node.URI(), newWorker())
	client := dial(t, node.URI(), rpc.Config{Timeout: -1}, nil).Client("worker")
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
		if err := hosttest.Receive(t, "a call", ended); err != nil && !errors.Is(err, rpc.ErrConnectionLost) {
			t.Errorf("got %v, want nil or ErrConnectionLost", err)
		}
	}
	if err := client.Call(t.Context(), "nothing", nil); err != nil {
		t.Errorf("got %v from a call afterwards, want nil", err)
	}
	node.Kill() // while it is dead both still stop, which the end of the test waits for
}

// A reply queue may be gone after a reconnect, because five minutes have passed or the broker has
// died. It may have had replies, so nobody waits for them any longer.
func TestReplyQueueGone(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		peer := newPeer(t, uri)
		requests := peer.bind("mute.*")
		var tap tap
		client := dial(t, uri, rpc.Config{Timeout: -1}, &tap).Client("mute")
		waits := client.Go(t.Context(), "ask")
		hosttest.Next(t, requests)
		tap.Confirmed(t, 1)
		tap.away.Store(true)
		tap.Cut()
		for _, m := range tap.Declared(t) {
			if queue := replyQueue(m); queue != "" {
				if _, err := peer.ch.QueueDelete(queue, false, false, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		tap.away.Store(false)
		hosttest.Receive(t, "the call", waits.Done())
		if err := waits.Result(t.Context(), nil); !errors.Is(err, rpc.ErrConnectionLost) {
			t.Errorf("got %v, want ErrConnectionLost", err)
		}
		var got int
		answered := make(chan error)
		go func() { answered <- client.Call(t.Context(), "ask", &got) }()
		request := hosttest.Next(t, requests)
		peer.publish(request.ReplyTo, amqp.Publishing{CorrelationId: request.CorrelationId, Body: []byte(`{"result": 5, "error": null}`)})
		if err := hosttest.Receive(t, "a later call", answered); err != nil || got != 5 {
			t.Errorf("got %d, %v from a call afterwards, want its reply", got, err)
		}
	})
}
