package transport_test

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestStream reads a stream across lost connections. Unsettled messages are delivered again, none
// is skipped, and a rejected one counts as settled. A stream that was deleted and declared again is
// read from its beginning.
func TestStream(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	p := newProxy(t, uri)
	c, peer := dial(t, p.uri), dial(t, uri)
	stream := transport.Topology{Queues: []transport.Queue{
		{Name: "stream", Durable: true, Args: transport.Table{"x-queue-type": "stream"}},
	}}
	declare(t, c, stream)
	deliveries := make(chan *transport.Delivery, 100)
	consumer, err := c.Consume(limit(t), transport.Consume{
		Queue:    "stream",
		Prefetch: 10,
		Args:     transport.Table{"x-stream-offset": "first"},
		Handle:   func(d *transport.Delivery) { deliveries <- d },
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			publish(t, peer, "stream", fmt.Sprint(i))
		}
	}
	get := func(from, to int) (got []*transport.Delivery) {
		t.Helper()
		for i := from; i < to; i++ {
			d := hosttest.Next(t, deliveries)
			if string(d.Body) != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", d.Body, i)
			}
			got = append(got, d)
		}
		return got
	}
	send(0, 5)
	had := get(0, 5)
	for _, i := range []int{0, 1, 3} {
		had[i].Ack()
	}
	had[4].Reject(true)
	p.hang()
	send(5, 8)
	p.cut()
	p.release()
	again := get(2, 8)
	had[2].Ack() // too late for the broker, but it counts as settled
	for _, d := range again[1:] {
		d.Ack()
	}
	p.cut()
	send(8, 9)
	get(8, 9)[0].Ack()

	other, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ch, err := other.Channel()
	if err == nil {
		_, err = ch.QueueDelete("stream", false, false, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	declare(t, peer, stream)
	send(0, 1)
	get(0, 1)
	if err := consumer.Close(limit(t)); err != nil {
		t.Error(err)
	}
}
