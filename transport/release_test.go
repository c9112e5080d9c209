package transport_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestRelease looks at a part of a queue three times, and takes some messages the first time. The
// rest keeps its order, including what the broker had sent and nobody handled.
func TestRelease(t *testing.T) {
	const all, held, handled = 500, 300, 50
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, unlimited())
		for i := range all {
			publish(t, c, "q", strconv.Itoa(i))
		}
		left := func(want int) {
			t.Helper()
			hosttest.Eventually(t, "the messages are back", func() bool {
				n, _, err := c.Inspect(limit(t), "q")
				return err == nil && n == want
			})
		}
		for look := range 3 {
			var n atomic.Int64
			enough := make(chan struct{})
			consumer, err := c.Consume(limit(t), transport.Consume{Queue: "q", Prefetch: held, Handle: func(d *transport.Delivery) {
				at := n.Add(1)
				if look == 0 && at%10 == 0 && at <= handled {
					d.Ack()
				}
				if at == handled {
					close(enough)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			hosttest.Receive(t, "the deliveries", enough)
			if err := consumer.Release(limit(t)); err != nil {
				t.Fatal(err)
			}
			left(all - handled/10)
		}
		_, deliveries := consume(t, c, "q", 0)
		for i := range all {
			if i < handled && i%10 == 9 {
				continue
			}
			if d := hosttest.Next(t, deliveries); string(d.Body) != strconv.Itoa(i) {
				t.Fatalf("got %s, want %d", d.Body, i)
			}
		}
	})
}
