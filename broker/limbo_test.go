package broker_test

import (
	"fmt"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// TestDeadLettersAtLeastOnce lets messages expire while their target is missing, then full: they
// wait for it. RabbitMQ does the same, but tries again only after three minutes.
func TestDeadLettersAtLeastOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, brokertest.Embedded(t))
	s.queue("q", atLeastOnce(nil))
	for i := range 3 {
		s.publish("", "q", fmt.Sprint(i))
	}
	hosttest.Eventually(t, "the messages have expired", func() bool { return s.depth("q") == 0 })
	s.queue("grave", table{"x-max-length": 2, "x-overflow": "reject-publish"})
	hosttest.Eventually(t, "the target is full", func() bool { return s.depth("grave") == 2 })
	got := bodies(s.take("grave", 3))
	if got != "0 1 2" {
		t.Errorf("got %s, want 0 1 2", got)
	}
}

// TestDeadLettersOfDeletedQueue deletes a queue that holds dead messages, and one of the queues to
// which they are dead-lettered.
func TestDeadLettersOfDeletedQueue(t *testing.T) {
	t.Parallel()
	s := newStage(t, brokertest.Embedded(t))
	_, err := s.ch.QueueDeclare("q", true, false, false, false, atLeastOnce(amqp.Table{"x-dead-letter-exchange": "dead"}))
	s.check(err)
	s.exchange("dead", "fanout", nil)
	s.queue("there", nil)
	s.bind("there", "", "dead", nil)
	s.queue("full", table{"x-max-length": 0, "x-overflow": "reject-publish"})
	s.bind("full", "", "dead", nil)
	s.publish("", "q", "1")
	hosttest.Eventually(t, "one queue has the message", func() bool { return s.depth("there") == 1 })
	s.check(s.ch.QueueUnbind("full", "", "dead", nil))
	s.publish("", "q", "2")
	if got := bodies(s.take("there", 2)); got != "1 2" {
		t.Errorf("got %s, want each once", got)
	}
	if _, err := s.ch.QueueDelete("q", false, false, false); err != nil {
		t.Error(err)
	}
	if got := strings.TrimSpace(s.all("there", 0)); got != "" {
		t.Errorf("got %s again", got)
	}
}
