package broker_test

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
)

func TestRoundRobin(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	var consumers []<-chan amqp.Delivery
	for range 3 {
		consumers = append(consumers, consume(t, open(t, b), q))
	}
	publish(t, ch, q, "0", "1", "2", "3", "4", "5")
	for i, c := range consumers {
		expect(t, c, fmt.Sprint(i), fmt.Sprint(i+3))
	}
}

func TestPrefetch(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	publish(t, ch, q, "1", "2", "3", "4", "5")
	slow := channelWithPrefetch(t, b, 2)
	deliveries := consume(t, slow, q)
	got := expect(t, deliveries, "1", "2")
	if n := length(t, ch, q); n != 3 {
		t.Errorf("%d messages are ready, want 3", n)
	}
	if err := slow.Qos(9, 0, false); err != nil { // for later consumers
		t.Fatal(err)
	}
	got[1].Ack(false) // makes room although an older one is held
	got = append(got, expect(t, deliveries, "3")...)
	if n := length(t, ch, q); n != 2 {
		t.Errorf("%d messages are ready, want 2", n)
	}
	got[2].Ack(true)
	expect(t, deliveries, "4", "5")
}

// A global prefetch is shared by the consumers of its channel.
func TestGlobalPrefetch(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	first, second := declare(t, ch), declare(t, ch)
	shared := open(t, b)
	if err := shared.Qos(3, 0, true); err != nil {
		t.Fatal(err)
	}
	one, two := consume(t, shared, first), consume(t, shared, second)
	publish(t, ch, first, "1", "2")
	held := expect(t, one, "1", "2")
	publish(t, ch, second, "3", "4", "5")
	held = append(held, expect(t, two, "3")...)
	if n := length(t, ch, second); n != 2 {
		t.Errorf("%d messages are ready, want 2", n)
	}
	held[0].Ack(false) // from the other queue
	expect(t, two, "4")
	if err := shared.Qos(0, 0, true); err != nil {
		t.Fatal(err)
	}
	expect(t, two, "5")
}

func TestCancel(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	publish(t, ch, q, "1", "2")
	taker := channelWithPrefetch(t, b, 1)
	deliveries, err := taker.Consume(q, "tag", false, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := expect(t, deliveries, "1")[0]
	if err := taker.Cancel("tag", false); err != nil {
		t.Fatal(err)
	}
	if err := first.Ack(false); err != nil { // it can still be settled, and causes no delivery
		t.Fatal(err)
	}
	if _, open := <-deliveries; open {
		t.Error("got a message after the cancel")
	}
	if n := length(t, ch, q); n != 1 {
		t.Errorf("%d messages are ready, want 1", n)
	}
	expect(t, consume(t, ch, q), "2") // it was exclusive
}

// A client that supports basic.cancel receives it when its consumer's queue is deleted.
func TestCancelByBroker(t *testing.T) {
	b := start(t, broker.Config{})
	ch, other := open(t, b), open(t, b)
	q := declare(t, ch)
	cancelled := other.NotifyCancel(make(chan string, 1))
	if _, err := other.Consume(q, "tag", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDelete(q, false, false, false); err != nil {
		t.Fatal(err)
	}
	if got := hosttest.Next(t, cancelled); got != "tag" {
		t.Errorf("cancelled %q, want %q", got, "tag")
	}
	other.Qos(1, 0, false) // the channel stays open
}

func TestGet(t *testing.T) {
	ch := open(t, start(t, broker.Config{}))
	q := declare(t, ch)
	if _, ok, err := ch.Get(q, false); ok || err != nil {
		t.Errorf("got %v, %v from an empty queue", ok, err)
	}
	publish(t, ch, q, "1", "2", "3")
	d, ok, err := ch.Get(q, false)
	if !ok || err != nil || string(d.Body) != "1" || d.MessageCount != 2 || d.Redelivered || d.RoutingKey != q {
		t.Errorf("got %+v, %v, %v", d, ok, err)
	}
	if d, _, _ := ch.Get(q, true); string(d.Body) != "2" {
		t.Errorf("got %q, want %q", d.Body, "2")
	}
	d.Reject(true)
	if d, _, _ := ch.Get(q, false); string(d.Body) != "1" || !d.Redelivered {
		t.Errorf("got %q, redelivered %v, want the first one again", d.Body, d.Redelivered)
	}
}

// A client that does not read neither uses the broker's memory nor delays others. It receives
// everything when it reads again.
func TestSlowReader(t *testing.T) {
	b := start(t, broker.Config{})
	ch := open(t, b)
	q := declare(t, ch)
	conn, w := dialWire(t, b)
	slow := channel(t, conn)
	w.pause()
	const count, size = 400, 10_000 // far more than what is in flight
	deliveries := make(chan (<-chan amqp.Delivery), 1)
	go func() {
		d, _ := slow.Consume(q, "", true, false, false, false, nil)
		deliveries <- d
	}()
	body := bytes.Repeat([]byte("x"), size)
	for i := range count {
		msg := amqp.Publishing{MessageId: fmt.Sprint(i), Body: body}
		if err := ch.PublishWithContext(t.Context(), "", q, false, false, msg); err != nil {
			t.Fatal(err)
		}
	}
	if n := length(t, ch, q); n < count/2 {
		t.Errorf("%d of %d messages are ready, want most of them", n, count)
	}
	w.resume()
	got := hosttest.Next(t, deliveries)
	for i := range count {
		if d := hosttest.Next(t, got); d.MessageId != fmt.Sprint(i) {
			t.Fatalf("got message %s, want %d", d.MessageId, i)
		}
	}
}

// A wireConn is a client's socket. Reading from it can be paused.
type wireConn struct {
	net.Conn
	reading sync.Mutex
}

func (w *wireConn) pause()  { w.reading.Lock() }
func (w *wireConn) resume() { w.reading.Unlock() }

func (w *wireConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.reading.Lock()
	defer w.reading.Unlock()
	return n, err
}

func dialWire(t *testing.T, b *broker.Broker) (*amqp.Connection, *wireConn) {
	t.Helper()
	w := new(wireConn)
	conn, err := amqp.DialConfig("amqp://guest:guest@memory/", amqp.Config{
		Dial: func(string, string) (net.Conn, error) {
			var err error
			w.Conn, err = b.Dial(t.Context())
			return w, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, w
}
