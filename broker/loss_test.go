package broker_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
)

// Whatever consumers do with messages and connections, each message is acknowledged exactly once.
func TestNothingIsLost(t *testing.T) {
	const publishers, consumers, count = 3, 4, 300
	b := start(t, broker.Config{})
	if _, err := open(t, b).QueueDeclare("q", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for p := range publishers {
		ch := open(t, b)
		work.Go(func() {
			for i := range count {
				msg := amqp.Publishing{MessageId: fmt.Sprintf("%d-%d", p, i)}
				if err := ch.Publish("", "q", true, false, msg); err != nil {
					t.Error(err)
				}
			}
		})
	}

	var mu sync.Mutex
	acked := make(map[string]int)
	done := make(chan struct{})
	settled := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if acked[id]++; len(acked) == publishers*count && acked[id] == 1 {
			close(done)
		}
	}
	for range consumers {
		work.Go(func() {
			for !unreliable(t, b, settled, done) {
			}
		})
	}
	work.Wait()
	for id, n := range acked {
		if n != 1 {
			t.Errorf("message %s was acknowledged %d times", id, n)
		}
	}
	ch := open(t, b)
	if n := length(t, ch, "q"); n != 0 || b.Messages() != 0 {
		t.Errorf("%d messages are left, %d of them ready", b.Messages(), n)
	}
}

// unreliable consumes for a while, and reports whether everything is done.
func unreliable(t *testing.T, b *broker.Broker, settled func(id string), done <-chan struct{}) bool {
	conn := dial(t, b)
	defer conn.Close()
	ch := channel(t, conn)
	if err := ch.Qos(1+rand.IntN(20), 0, rand.IntN(4) == 0); err != nil {
		t.Error(err)
	}
	deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
	if err != nil {
		t.Error(err)
		return true
	}
	for {
		select {
		case <-done:
			return true
		case d := <-deliveries:
			switch n := rand.IntN(100); {
			case n < 2: // its end requeues what it holds
				return false
			case n < 30:
				d.Nack(false, true)
			default:
				if err := d.Ack(false); err != nil {
					t.Error(err)
				}
				settled(d.MessageId)
			}
		}
	}
}
