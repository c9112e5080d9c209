package brokertest

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Each runs f as the subtests embedded and rabbitmq, with the URI of a broker that has nothing on it yet. What f
// leaves there is gone afterwards.
func Each(t *testing.T, f func(t *testing.T, uri string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, Embedded(t)) })
	t.Run("rabbitmq", func(t *testing.T) { f(t, RabbitMQ(t)) })
}

// Depth returns the number of messages that are ready in a queue, and fails the test if there is no such queue.
// Messages that a consumer holds unacknowledged do not count.
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
