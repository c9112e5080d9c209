package transport_test

import (
	"errors"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestDelete deletes a queue: its messages are deleted too, and a reconnect does not declare it
// again.
func TestDelete(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		c := dialConfig(t, transport.Config{URI: uri, Dial: tap.Dial})
		declare(t, c, transport.Topology{
			Exchanges: []transport.Exchange{{Name: "shop", Kind: "direct"}},
			Queues:    []transport.Queue{{Name: "kept", Durable: true}, {Name: "dropped", Durable: true}},
			Bindings:  []transport.Binding{{Queue: "dropped", Exchange: "shop", Key: "order"}, {Queue: "kept", Exchange: "shop", Key: "order"}},
		})
		publish(t, c, "dropped", "x")
		for range 2 { // deleting a missing queue is not an error
			if err := c.Delete(limit(t), "dropped"); err != nil {
				t.Fatal(err)
			}
		}
		check := func() {
			t.Helper()
			var refused *transport.Error
			if _, _, err := c.Inspect(limit(t), "dropped"); !errors.As(err, &refused) || refused.Code != 404 {
				t.Errorf("got %v of the deleted queue, want a 404", err)
			}
			if _, _, err := c.Inspect(limit(t), "kept"); err != nil {
				t.Errorf("got %v of the other queue, want nil", err)
			}
		}
		check()
		tap.Cut()
		hosttest.Eventually(t, "the reconnect", func() bool { return c.Wait(limit(t)) == nil && c.Epoch() == 2 })
		check()
	})
}

// TestDeleteWhileDisconnected checks that Delete does not wait for a lost connection.
func TestDeleteWhileDisconnected(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	p.l.Close()
	p.cut()
	if err := c.Delete(limit(t), "q"); !errors.Is(err, transport.ErrConnectionLost) {
		t.Errorf("got %v, want ErrConnectionLost", err)
	}
}
