package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A thousand dispatches are written before any confirm has arrived, so they do not wait for each
// other.
func TestPipelined(t *testing.T) {
	const total = 1000
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, events.Config{}, &Source{})
		var tap brokertest.Tap
		open := make(chan struct{})
		close(open)
		gate := atomic.Pointer[chan struct{}]{}
		gate.Store(&open)
		broker := transport.Config{URI: uri, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := tap.Dial(ctx, addr)
			return gated{conn, &gate}, err
		}}
		dispatch := events.NewDispatcher(hosttest.Dial(t, broker), "vec_source")
		if err := dispatch(t.Context(), "nobody_evt", -1); err != nil { // the channel is open now
			t.Fatal(err)
		}

		closed := make(chan struct{})
		gate.Store(&closed)
		var returned atomic.Int32
		var group sync.WaitGroup
		for i := range total {
			group.Go(func() {
				if err := dispatch(t.Context(), "nobody_evt", i); err != nil {
					t.Error(err)
				}
				returned.Add(1)
			})
		}
		hosttest.Eventually(t, "all events are written", func() bool { return len(tap.Published(t)) >= 1+total })
		if n := returned.Load(); n > 0 {
			t.Errorf("got %d dispatches that returned without a confirm", n)
		}
		close(closed)
		group.Wait()
	})
}

// A gated connection hears the broker only while the gate is open.
type gated struct {
	net.Conn
	gate *atomic.Pointer[chan struct{}]
}

func (g gated) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	<-*g.gate.Load()
	return n, err
}

// Ten thousand events are dispatched while the broker is killed, started, stopped and started.
// Every event dispatched without an error is in the queue. Every error is that of a lost
// connection, for an event that was in flight at that time.
func TestDispatchThroughOutages(t *testing.T) {
	const total, atOnce = 10_000, 200
	node := brokertest.StartNode(t)
	queue(t, node.URI())
	conn := dial(t, node.URI())
	dispatch := events.NewDispatcher(conn, "outage")

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // starting a node may take longer than a dispatch waits
	defer cancel()
	errs := make([]error, total)
	begun := make(chan int)
	var group sync.WaitGroup
	group.Go(func() {
		slots := make(chan struct{}, atOnce)
		for i := range total {
			slots <- struct{}{}
			group.Go(func() {
				errs[i] = dispatch(ctx, "happened", i)
				<-slots
			})
			if i == total/3 || i == total*2/3 {
				begun <- i
			}
		}
	})
	for _, end := range []func(){node.Kill, node.Stop} {
		hosttest.Receive(t, "a part of the events", begun)
		end() // while some are in flight
		node.Start()
	}
	group.Wait()

	kept, lost := map[int]int{}, 0
	for _, id := range drain(t, node.URI()) {
		kept[id]++
	}
	for i, err := range errs {
		switch {
		case err == nil && kept[i] == 0:
			t.Errorf("event %d was dispatched, and is not in the queue", i)
		case err != nil && !errors.Is(err, transport.ErrConnectionLost):
			t.Errorf("event %d: got %v", i, err)
		case err != nil:
			lost++
		}
		if kept[i] > 1 {
			t.Errorf("event %d is there %d times: it was dispatched once", i, kept[i])
		}
	}
	t.Logf("%d events dispatched, %d with an error, %d in the queue", total, lost, len(kept))
	if lost > 2*atOnce {
		t.Errorf("got %d errors, want at most those %d that were on their way", lost, 2*atOnce)
	}
}

// queue declares an exchange and a queue that outlive the broker.
func queue(t *testing.T, uri string) {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	err := ch.ExchangeDeclare("outage.events", "topic", true, false, false, false, nil)
	if err == nil {
		_, err = ch.QueueDeclare("outage", true, false, false, false, nil)
	}
	if err == nil {
		err = ch.QueueBind("outage", "#", "outage.events", false, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// drain returns the payloads in the queue.
func drain(t *testing.T, uri string) (ids []int) {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	for {
		d, ok, err := ch.Get("outage", true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return ids
		}
		var id int
		if err := json.Unmarshal(d.Body, &id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
}
