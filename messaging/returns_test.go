package messaging_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Poor fails for bad messages.
type Poor struct {
	_ service.Name `service:"poor"`

	Entrypoints struct {
		Try messaging.Consumer `messaging:"poor" requeue:"true"`
	}

	tried chan string
}

func (p *Poor) Try(_ context.Context, text string) error {
	p.tried <- text
	if text == "bad" {
		return errors.New("no luck")
	}
	return nil
}

// A message that fails again and again is given back later each time. It holds no worker, and a
// stop does not wait for it.
func TestReturns(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := &Poor{tried: make(chan string, 1000)}
		h := host(t, service.Config{MaxWorkers: 2}, transport.Config{URI: uri}, p)
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		send(t, uri, "poor", "bad")
		const tries = 5 // after 0, 0, 100, 200 and 400 ms
		for range tries {
			hosttest.Receive(t, "the bad message", p.tried)
		}
		if took := time.Since(began); took < 700*time.Millisecond {
			t.Errorf("got %d tries within %s, want them to take 700 ms", tries, took)
		}
		send(t, uri, "poor", "good")
		for got := ""; got != "good"; {
			got = hosttest.Receive(t, "the good message", p.tried)
		}
		h.Log.Wait(t, tries, "call failed", "no luck")
		hosttest.Close(t, h.Stop)
		if n := brokertest.Depth(t, uri, "poor"); n != 1 {
			t.Errorf("got %d messages in the queue, want the bad one", n)
		}
	})
}
