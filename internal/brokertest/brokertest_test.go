package brokertest_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/brokertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachIsFresh(t *testing.T) {
	for range 2 {
		brokertest.Each(t, func(t *testing.T, uri string) {
			ch := dial(t, uri)
			if _, err := ch.QueueDeclare("orders", false, false, false, false, nil); err != nil {
				t.Fatal(err)
			}
			if got := brokertest.Depth(t, uri, "orders"); got != 0 {
				t.Errorf("got %d messages in a new queue, want 0", got)
			}
			publish(t, ch, "orders")
			if got := brokertest.Depth(t, uri, "orders"); got != 1 {
				t.Errorf("got %d messages after one was published, want 1", got)
			}
		})
	}
}

func TestNode(t *testing.T) {
	node := brokertest.StartNode(t)
	ch := dial(t, node.URI())
	if _, err := ch.QueueDeclare("orders", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){node.Stop, node.Kill} {
		publish(t, dial(t, node.URI()), "orders")
		uri := node.URI()
		end()
		if conn, err := net.Dial("tcp", strings.Trim(uri[strings.Index(uri, "@")+1:], "/")); err == nil {
			conn.Close()
			t.Fatal("a node that was ended accepts connections")
		}
		node.Start()
		if node.URI() != uri {
			t.Errorf("got %s after a restart, want %s", node.URI(), uri)
		}
	}
	if got := brokertest.Depth(t, node.URI(), "orders"); got != 2 {
		t.Errorf("got %d messages after two restarts, want 2", got)
	}
}

// dial opens a channel with confirms, until the test ends or the broker closes it.
func dial(t *testing.T, uri string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) {
			t.Error(err)
		}
	})
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	return ch
}

// publish publishes a message and waits for the broker's confirm.
func publish(t *testing.T, ch *amqp.Channel, queue string) {
	t.Helper()
	sent, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := sent.WaitContext(t.Context()); !ok || err != nil {
		t.Fatalf("publish: confirmed %t, %v", ok, err)
	}
}
