package transport_test

import (
	"errors"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func TestInspect(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("orders"))
		publish(t, c, "orders", "1")
		check := func(messages, consumers int) {
			t.Helper()
			hosttest.Eventually(t, "the result of Inspect", func() bool {
				m, n, err := c.Inspect(limit(t), "orders")
				return err == nil && m == messages && n == consumers
			})
		}
		check(1, 0)
		consumer, deliveries := consume(t, c, "orders", 0)
		d := hosttest.Next(t, deliveries)
		check(0, 1)
		d.Reject(true)
		hosttest.Next(t, deliveries).Ack()
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		check(0, 0)

		_, _, err := c.Inspect(limit(t), "nothing")
		var refused *transport.Error
		if !errors.As(err, &refused) || refused.Code != 404 {
			t.Errorf("got %v of a queue that is not there, want a 404", err)
		}
	})
}
