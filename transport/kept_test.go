package transport_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestKept declares a queue with arguments that differ from those it has.
func TestKept(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		bounded := func(length int, kept bool) transport.Topology {
			return transport.Topology{Queues: []transport.Queue{{
				Name: "q", Durable: true, Kept: kept, Args: transport.Table{"x-queue-type": "quorum", "x-max-length": length},
			}}}
		}
		declare(t, c, bounded(1, true))
		publish(t, c, "q", "x")
		declare(t, c, bounded(2, true))
		if n, _, err := c.Inspect(limit(t), "q"); n != 1 || err != nil {
			t.Errorf("got %d messages and %v, want the one of before", n, err)
		}
		var refused *transport.Error
		if err := c.Declare(limit(t), bounded(2, false)); !errors.As(err, &refused) || refused.Code != 406 {
			t.Errorf("got %v without Kept, want a 406", err)
		}
		if err := c.Delete(limit(t), "q"); err != nil {
			t.Fatal(err)
		}
		declare(t, c, bounded(2, true))
		declare(t, c, bounded(2, false)) // it has the new arguments
	})
}

// TestUnlimited returns a message to its queue more often than RabbitMQ 4 allows by default.
func TestUnlimited(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, unlimited())
		publish(t, c, "q", "x")
		_, deliveries := consume(t, c, "q", 1)
		for range 25 {
			hosttest.Next(t, deliveries).Reject(true)
		}
		hosttest.Next(t, deliveries).Ack()
	})
}

// TestUnlimitedFrom4 checks the argument that RabbitMQ 4 needs, on a broker that claims to be one,
// and that an older broker does not receive it.
func TestUnlimitedFrom4(t *testing.T) {
	for name, test := range map[string]struct {
		dial  func(context.Context, string) (net.Conn, error)
		other int // refused: another limit
		same  transport.Table
	}{
		"3.10": {nil, -1, transport.Table{"x-queue-type": "quorum"}},
		"4.10": {dialNewer, 20, transport.Table{"x-queue-type": "quorum", "x-delivery-limit": -1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialConfig(t, transport.Config{URI: brokertest.Embedded(t), Dial: test.dial})
			declare(t, c, unlimited())
			q := transport.Queue{Name: "q", Durable: true, Args: test.same}
			declare(t, c, transport.Topology{Queues: []transport.Queue{q}})
			q.Args = transport.Table{"x-queue-type": "quorum", "x-delivery-limit": test.other}
			var refused *transport.Error
			if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{q}}); !errors.As(err, &refused) || refused.Code != 406 {
				t.Errorf("got %v with the limit %d, want a 406", err, test.other)
			}
		})
	}
}

func unlimited() transport.Topology {
	return transport.Topology{Queues: []transport.Queue{{
		Name: "q", Durable: true, Kept: true, Unlimited: true, Args: transport.Table{"x-queue-type": "quorum"},
	}}}
}

// dialNewer makes a connection to the embedded broker on which the broker claims to be RabbitMQ
// 4.10.8.
func dialNewer(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	return newer{conn}, err
}

type newer struct{ net.Conn }

func (c newer) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	copy(b, bytes.ReplaceAll(b[:n], []byte("3.10.8"), []byte("4.10.8")))
	return n, err
}

// TestReceivedProperties checks the properties that say when and by whom a message was published.
func TestReceivedProperties(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		declare(t, c, queue("q"))
		at := time.Unix(1700000000, 0)
		m := amqp.Publishing{Timestamp: at, UserId: "guest"}
		if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), "", "q", true, false, m); err != nil {
			t.Fatal(err)
		}
		_, deliveries := consume(t, c, "q", 0)
		d := hosttest.Next(t, deliveries)
		if !d.Timestamp.Equal(at) || d.UserID != "guest" {
			t.Errorf("got %v of %q, want %v of guest", d.Timestamp, d.UserID, at)
		}
		d.UserID = "somebody" // if sent, it would close the channel
		if err := c.Publish(limit(t), transport.Publishing{Key: "q", Properties: d.Properties}); err != nil {
			t.Fatal(err)
		}
		if again := hosttest.Next(t, deliveries); !again.Timestamp.Equal(at) || again.UserID != "" {
			t.Errorf("got %v of %q, want %v of nobody", again.Timestamp, again.UserID, at)
		}
	})
}
