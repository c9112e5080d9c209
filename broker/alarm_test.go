package broker_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A client that publishes over the limit is blocked and notified. Consuming frees memory.
func TestMaxMemory(t *testing.T) {
	b := start(t, broker.Config{MaxMemory: 1 << 20})
	conn := dial(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 10))
	publisher, consumer := channel(t, conn), open(t, b)
	if err := publisher.Confirm(false); err != nil {
		t.Fatal(err)
	}
	acks := publisher.NotifyPublish(make(chan amqp.Confirmation, 100))
	q := declare(t, consumer)
	body := string(make([]byte, 350_000))
	publish(t, publisher, q, body, body, body, "held up")
	for range 3 {
		hosttest.Next(t, acks)
	}
	if got := hosttest.Next(t, blocked); !got.Active || got.Reason != "low on memory" {
		t.Errorf("got %+v, want blocked for memory", got)
	}
	if got := length(t, consumer, q); got != 3 {
		t.Errorf("got %d messages, want 3: the fourth has to wait", got)
	}
	deliveries := consume(t, consumer, q)
	for range 2 {
		if err := hosttest.Next(t, deliveries).Ack(false); err != nil {
			t.Fatal(err)
		}
	}
	if got := hosttest.Next(t, blocked); got.Active {
		t.Errorf("got %+v, want unblocked", got)
	}
	hosttest.Next(t, acks)
	expect(t, deliveries, body, "held up")
}

// When a blocked client disappears, the broker notices the missing heartbeats and discards its
// transaction.
func TestMaxMemoryAndLostClient(t *testing.T) {
	b := start(t, broker.Config{MaxMemory: 1 << 20})
	w := plug(t, b)
	w.open(1)
	w.send(1, &frame.TxSelect{})
	w.read()
	publishBytes(w, "q", 1<<20)
	w.send(1, &frame.BasicQos{})
	w.read() // the publishing was handled
	publishBytes(w, "q", 2000)
	conn := dial(t, b)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 10))
	publish(t, channel(t, conn), "q", "1")
	if got := hosttest.Next(t, blocked); !got.Active {
		t.Errorf("got %+v, want blocked", got)
	}
	w.conn.Close()
	if got := hosttest.Next(t, blocked); got.Active {
		t.Errorf("got %+v, want unblocked", got)
	}
}

// A blocked client does not delay Close.
func TestMaxMemoryAndClose(t *testing.T) {
	b := start(t, broker.Config{MaxMemory: 1 << 20})
	ch := open(t, b)
	q := declare(t, ch)
	w := plug(t, b)
	w.open(0)
	publishBytes(w, q, 1<<20)
	publishBytes(w, q, 2000)
}

// publishBytes publishes a body of n bytes.
func publishBytes(w *wire, key string, n int) {
	w.t.Helper()
	w.write(frames(func(b *frame.Buffer) {
		b.Method(1, &frame.BasicPublish{RoutingKey: key})
		b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, make([]byte, n), frame.MinSize)
	}))
}
