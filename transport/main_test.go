package transport_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial connects, logs to the test, and closes the connection when the test ends.
func dial(t *testing.T, uri string) *transport.Conn {
	t.Helper()
	return dialConfig(t, transport.Config{URI: uri})
}

func dialConfig(t *testing.T, cfg transport.Config) *transport.Conn {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	c, err := transport.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, c.Close) })
	return c
}

// limit returns a context that ends before a hanging test would.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("test hangs"))
	t.Cleanup(cancel)
	return ctx
}

func declare(t *testing.T, c *transport.Conn, topology transport.Topology) {
	t.Helper()
	if err := c.Declare(limit(t), topology); err != nil {
		t.Fatal(err)
	}
}

func queue(name string) transport.Topology {
	return transport.Topology{Queues: []transport.Queue{{Name: name, Durable: true}}}
}

func publish(t *testing.T, c *transport.Conn, key, body string) {
	t.Helper()
	if err := c.Publish(limit(t), transport.Publishing{Key: key, Mandatory: true, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

// consume sends deliveries to a Go channel.
func consume(t *testing.T, c *transport.Conn, queue string, prefetch int) (*transport.Consumer, <-chan *transport.Delivery) {
	t.Helper()
	deliveries := make(chan *transport.Delivery, 1000)
	consumer, err := c.Consume(limit(t), transport.Consume{
		Queue: queue, Prefetch: prefetch, Handle: func(d *transport.Delivery) { deliveries <- d },
	})
	if err != nil {
		t.Fatal(err)
	}
	return consumer, deliveries
}

func TestPublishConsumeAck(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, transport.Topology{
			Exchanges: []transport.Exchange{{Name: "shop", Kind: "topic", Durable: true}},
			Queues:    []transport.Queue{{Name: "orders", Durable: true, Args: transport.Table{"x-expires": 300000}}},
			Bindings:  []transport.Binding{{Queue: "orders", Exchange: "shop", Key: "order.*"}},
		})
		consumer, deliveries := consume(t, c, "orders", 10)
		for i := range 100 {
			err := c.Publish(limit(t), transport.Publishing{
				Exchange: "shop", Key: "order.created", Mandatory: true, Body: fmt.Append(nil, i),
				Properties: transport.Properties{ContentType: "application/json", CorrelationID: fmt.Sprint(i), Persistent: true},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			d := hosttest.Next(t, deliveries)
			if string(d.Body) != fmt.Sprint(i) || d.CorrelationID != fmt.Sprint(i) || d.Key != "order.created" || d.Exchange != "shop" || !d.Persistent {
				t.Fatalf("got %+v, want message %d", d, i)
			}
			d.Ack()
		}
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		if got := brokertest.Depth(t, uri, "orders"); got != 0 {
			t.Errorf("got %d messages after all were acknowledged, want 0", got)
		}
	})
}
