package transport_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A delivery whose fields were changed is recognised when it is delivered again, if it was pinned
// before.
func TestPinned(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		c := dialConfig(t, transport.Config{URI: uri, Dial: tap.Dial})
		declare(t, c, queue("requests"))
		handled := make(chan *transport.Delivery, 2)
		_, err := c.Consume(limit(t), transport.Consume{
			Queue: "requests", Prefetch: 1, Resume: true,
			Handle: func(d *transport.Delivery) { handled <- d },
		})
		if err != nil {
			t.Fatal(err)
		}
		other := dial(t, uri)
		publish(t, other, "requests", "request")
		first := hosttest.Receive(t, "the request", handled)
		first.Pin()
		first.Key, first.Headers = "changed", transport.Table{"changed": true}
		first.Pin() // only the first call counts
		tap.Cut()
		<-first.Lost()
		publish(t, other, "requests", "next")
		first.Ack() // at any time
		if next := hosttest.Receive(t, "the next request", handled); string(next.Body) != "next" {
			t.Errorf("got %q again", next.Body)
		}
	})
}
