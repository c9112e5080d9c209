package transport_test

import (
	"errors"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// shop is a queue that is bound to an exchange.
var shop = transport.Topology{
	Exchanges: []transport.Exchange{{Name: "shop", Kind: "topic", Durable: true}},
	Queues:    []transport.Queue{{Name: "orders", Durable: true}},
	Bindings:  []transport.Binding{{Queue: "orders", Exchange: "shop", Key: "order.#"}},
}

// deletions delete parts of shop.
var deletions = map[string]func(ch *amqp.Channel) error{
	"exchange": func(ch *amqp.Channel) error { return ch.ExchangeDelete("shop", false, false) },
	"binding":  func(ch *amqp.Channel) error { return ch.QueueUnbind("orders", "order.#", "shop", nil) },
	"queue":    func(ch *amqp.Channel) error { _, err := ch.QueueDelete("orders", false, false, false); return err },
}

// TestRepairAfterPublishing deletes a part of the topology: the first publishing to it fails, and a
// later one is routed, on the same connection.
func TestRepairAfterPublishing(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		log := new(hosttest.Log)
		c := dialConfig(t, transport.Config{URI: uri, TopologyCheck: -1, Logger: log.Logger()})
		declare(t, c, shop)
		order := transport.Publishing{Exchange: "shop", Key: "order.created.eu", Mandatory: true}
		for name, deletion := range deletions {
			if err := deletion(brokertest.Channel(t, uri)); err != nil {
				t.Fatal(err)
			}
			if err := c.Publish(limit(t), order); err == nil {
				t.Errorf("%s: got no error of the first publishing", name)
			}
			log.Next(t, "level=WARN", `msg="declaring the topology again"`)
			hosttest.Eventually(t, name+" is restored", func() bool { return c.Publish(limit(t), order) == nil })
		}
		var returned *transport.Returned
		if err := c.Publish(limit(t), transport.Publishing{Exchange: "shop", Key: "refund", Mandatory: true}); !errors.As(err, &returned) {
			t.Errorf("got %v for a key that is not bound, want it returned", err)
		}
		if c.Epoch() != 1 {
			t.Errorf("got epoch %d, want 1", c.Epoch())
		}
	})
}

// TestTopologyCheck deletes a part of the topology that this connection does not publish to: it is
// restored in time, and what was missing is logged.
func TestTopologyCheck(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		log := new(hosttest.Log)
		c := dialConfig(t, transport.Config{URI: uri, TopologyCheck: 50 * time.Millisecond, Logger: log.Logger()})
		declare(t, c, shop)
		_, deliveries := consume(t, c, "orders", 0)
		peer := dialConfig(t, transport.Config{URI: uri, TopologyCheck: -1})
		for name, deletion := range deletions {
			if err := deletion(brokertest.Channel(t, uri)); err != nil {
				t.Fatal(err)
			}
			hosttest.Eventually(t, name+" is restored", func() bool {
				return peer.Publish(limit(t), transport.Publishing{Exchange: "shop", Key: "order", Mandatory: true}) == nil
			})
			hosttest.Next(t, deliveries).Ack()
		}
		log.Next(t, "level=WARN", `msg="declared again what was deleted at the broker"`, `exchange \"shop\"`)
		if c.Epoch() != 1 {
			t.Errorf("got epoch %d, want 1", c.Epoch())
		}
	})
}

// TestCheckedDelete declares and deletes a queue while the topology is constantly checked. A check
// that began earlier neither restores what was deleted nor deletes what was declared since.
func TestCheckedDelete(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dialConfig(t, transport.Config{URI: uri, TopologyCheck: 10 * time.Microsecond})
		for range 50 {
			declare(t, c, shop)
			if err := c.Publish(limit(t), transport.Publishing{Exchange: "shop", Key: "order", Mandatory: true}); err != nil {
				t.Fatalf("after Declare: %v", err)
			}
			if err := c.Delete(limit(t), "orders"); err != nil {
				t.Fatal(err)
			}
			var refused *transport.Error
			if _, _, err := c.Inspect(limit(t), "orders"); !errors.As(err, &refused) || refused.Code != amqp.NotFound {
				t.Fatalf("after Delete: got %v, want a 404", err)
			}
		}
	})
}
