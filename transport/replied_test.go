package transport_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A delivery whose channel is lost before its acknowledgement arrives is handled again if it was
// replied to, because the reply may be lost too, and nobody would send it again.
func TestRepliedIsHandledAgain(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		c := dialConfig(t, transport.Config{URI: uri, Dial: tap.Dial})
		declare(t, c, queue("requests"))
		handled := make(chan *transport.Delivery, 2)
		_, err := c.Consume(limit(t), transport.Consume{
			Queue: "requests", Prefetch: 100, Resume: true,
			Handle: func(d *transport.Delivery) { handled <- d },
		})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, dial(t, uri), "requests", "request")
		first := hosttest.Receive(t, "the request", handled)
		if err := first.Reply(limit(t), transport.Publishing{Key: "of a caller that has gone"}); err != nil {
			t.Error(err)
		}
		tap.Cut()
		<-first.Lost()
		first.Ack()
		second := hosttest.Receive(t, "the request again", handled)
		if !second.Redelivered || string(second.Body) != "request" {
			t.Errorf("got %q, redelivered: %t", second.Body, second.Redelivered)
		}
		second.Ack()
	})
}
