package messaging

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Ward is a service that retries, and waits until the test lets it continue.
type Ward struct {
	_ service.Name `service:"ward"`

	Entrypoints struct {
		Treat Consumer `messaging:"ward" retry:"1s"`
	}

	Begun chan string
	GoOn  chan struct{}
}

func (w *Ward) Treat(_ context.Context, patient string) error {
	w.Begun <- patient
	<-w.GoOn
	return nil
}

// A suspect that pauses return again and again before it is handled does not count as having killed
// a process.
func TestReturnIsNoDeath(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		const suspect = "gomeko.suspect.ward"
		send := func(queue, patient string) {
			t.Helper()
			conn := hosttest.Dial(t, transport.Config{URI: uri})
			if err := conn.Publish(t.Context(), transport.Publishing{Key: queue, Mandatory: true, Body: []byte(`"` + patient + `"`)}); err != nil {
				t.Fatal(err)
			}
		}
		w := &Ward{Begun: make(chan string, 10), GoOn: make(chan struct{})}
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}, Service: service.Config{MaxWorkers: 1}}, w)
		s, err := service.Shared(h.Host(), newShared)
		if err != nil {
			t.Fatal(err)
		}
		p := &s.subscribers[0].pauses
		settled := func() {
			hosttest.Eventually(t, "the consumers are as they should be", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return !p.working
			})
		}
		send("ward", "first")
		hosttest.Receive(t, "the message that has the worker", w.Begun)
		send(suspect, "second")
		for range 100 {
			p.pause("test")
			settled()
			p.resume("test")
			settled()
		}
		close(w.GoOn)
		hosttest.Eventually(t, "the suspect is handled or parked", func() bool { return len(w.Begun) > 0 || len(h.Log.Lines("message parked")) > 0 })
		hosttest.Close(t, h.Stop)
		if parked := h.Log.Lines("message parked"); len(parked) > 0 {
			t.Errorf("got %q, want that none is", parked)
		}
		for _, queue := range []string{"ward", suspect} {
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages in %s, want 0", n, queue)
			}
		}
	})
}

// A stopping process handles what the broker has sent to it, so it leaves no suspects to the next
// one.
func TestStopMakesNoSuspects(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		const messages, stops = 600, 6
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		w := &Ward{Begun: make(chan string, 2*messages), GoOn: make(chan struct{})}
		close(w.GoOn)
		for i := range stops {
			h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, w)
			for range messages / stops {
				if err := conn.Publish(t.Context(), transport.Publishing{Key: "ward", Mandatory: true, Body: []byte(`"patient"`)}); err != nil {
					t.Fatal(err)
				}
			}
			hosttest.Close(t, h.Stop)
			if moved := h.Log.Lines("among the suspects"); len(moved) > 0 {
				t.Fatalf("process %d moved %d messages to the suspects, want 0", i, len(moved))
			}
		}
		if n := len(w.Begun) + brokertest.Depth(t, uri, "ward"); n != messages {
			t.Errorf("got %d messages, want %d", n, messages)
		}
	})
}
