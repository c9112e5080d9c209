package messaging_test

import (
	"context"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
)

// Undertaker consumes the messages that expire in another queue.
type Undertaker struct {
	_ service.Name `service:"undertaker"`

	Entrypoints struct {
		Bury messaging.Consumer `messaging:"expired"`
	}

	Orders messaging.Publisher `queue:"waiting"`

	buried chan string
}

func (u *Undertaker) Bury(_ context.Context, payload string) error { u.buried <- payload; return nil }

// TestDefaultDeadLetterExchange collects dead letters through the default exchange, whose name is
// "".
func TestDefaultDeadLetterExchange(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		u := &Undertaker{buried: make(chan string, 1)}
		start(t, uri, u, messaging.Declare(messaging.Queue{
			Name:      "waiting",
			Arguments: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "expired", "x-message-ttl": 1},
		}))
		if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), "", "waiting", true, false,
			amqp.Publishing{ContentType: "application/json", ContentEncoding: "utf-8", Body: []byte(`"order"`)}); err != nil {
			t.Fatal(err)
		}
		if got := hosttest.Receive(t, "the dead letter", u.buried); got != "order" {
			t.Errorf("got %q, want order", got)
		}
	})
}
