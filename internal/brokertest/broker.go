package brokertest

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Each runs f as the subtests embedded and rabbitmq, with the URI of an empty broker. It afterwards
// deletes everything that f leaves on the broker.
func Each(t *testing.T, f func(t *testing.T, uri string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, Embedded(t)) })
	t.Run("rabbitmq", func(t *testing.T) { f(t, RabbitMQ(t)) })
}

// Channel opens a channel on a connection of amqp091-go, for tests that speak AMQP directly. It
// closes the connection when the test ends.
func Channel(t testing.TB, uri string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// Bind returns the messages that an exchange routes by a key after the call. They come from an
// exclusive queue, without acknowledgements, until the channel's connection is closed.
func Bind(t testing.TB, ch *amqp.Channel, exchange, key string) <-chan amqp.Delivery {
	t.Helper()
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.QueueBind(q.Name, key, exchange, false, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return deliveries
}

// Depth returns the number of ready messages in a queue, not counting unacknowledged ones. It fails
// the test if the queue does not exist.
func Depth(t testing.TB, uri, queue string) int {
	t.Helper()
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.Messages
}
