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

// Regional consumes orders by a header, and orders that no queue is bound for.
type Regional struct {
	_ service.Name `service:"regional"`

	Entrypoints struct {
		Europe messaging.Consumer `messaging:"europe"`
		Others messaging.Consumer `messaging:"others" exchange:"others" kind:"fanout"`
	}

	taken chan string
}

func (r *Regional) Europe(_ context.Context, order string) error {
	r.taken <- "europe " + order
	return nil
}
func (r *Regional) Others(_ context.Context, order string) error {
	r.taken <- "others " + order
	return nil
}

// TestExchanges declares an exchange and a binding with flags and arguments.
func TestExchanges(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		r := &Regional{taken: make(chan string, 10)}
		start(t, uri, r, messaging.Declare(
			messaging.Exchange{
				Name: "orders", Kind: messaging.Headers, Transient: true, AutoDelete: true,
				Arguments: map[string]any{"alternate-exchange": "others"},
			},
			messaging.Queue{Name: "europe", Bindings: []messaging.Binding{
				{Exchange: "orders", Arguments: map[string]any{"x-match": "all", "region": "eu"}},
			}},
		))
		peer := brokertest.Channel(t, uri)
		if err := peer.ExchangeDeclare("orders", "headers", false, true, false, false, amqp.Table{"alternate-exchange": "others"}); err != nil {
			t.Errorf("as it should be: %v", err)
		}
		for region, want := range map[string]string{"eu": `europe eu`, "us": `others us`} {
			order := amqp.Publishing{Headers: amqp.Table{"region": region}, Body: []byte(`"` + region + `"`)}
			if err := peer.PublishWithContext(t.Context(), "orders", "", true, false, order); err != nil {
				t.Fatal(err)
			}
			if got := hosttest.Receive(t, want, r.taken); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}
