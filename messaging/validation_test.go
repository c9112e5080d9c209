package messaging_test

import (
	"context"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
)

// Checkout receives payloads with constraints.
type Checkout struct {
	_ service.Name `service:"checkout"`

	Entrypoints struct {
		Paid  events.Handler     `events:"shop.paid" retry:"10ms" method:"Take"`
		Taken messaging.Consumer `messaging:"checkout-taken" retry:"10ms" method:"Take"`
		Plain messaging.Consumer `messaging:"checkout-plain" method:"Take"`
		Loose messaging.Consumer `messaging:"checkout-loose" lenient:"true" method:"Take"`
	}

	taken chan payment
}

type payment struct {
	Amount int    `json:"amount" min:"1"`
	Note   string `json:"note,omitempty" minLength:"2"`
	Items  []struct {
		Product string `json:"product" pattern:"^[a-z]+$"`
	} `json:"items"`
}

func (c *Checkout) Take(_ context.Context, p payment) error {
	c.taken <- p
	return nil
}

// A message whose payload breaks constraints is parked at once, like one that cannot be read. A row
// without retry drops it.
func TestValidation(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		checkout := &Checkout{taken: make(chan payment, 1)}
		p := start(t, uri, checkout)
		const (
			good  = `{"amount": 1, "items": [{"product": "tea"}]}`
			bad   = `{"items": [{"product": "tea"}, {"product": "Tea"}], "amount": 0, "note": ""}`
			error = "payload: /amount must be at least 1; /note must have at least 2 characters; /items/1/product must match ^[a-z]+$"
		)
		for _, to := range []struct{ exchange, key, queue string }{
			{"shop.events", "paid", "evt-shop-paid--checkout.take"},
			{"", "checkout-taken", "checkout-taken"},
		} {
			post(t, uri, to.exchange, to.key, amqp.Publishing{Body: []byte(good)})
			if got := hosttest.Receive(t, "the call", checkout.taken); got.Amount != 1 {
				t.Errorf("got %+v", got)
			}
			post(t, uri, to.exchange, to.key, amqp.Publishing{Body: []byte(bad)})
			d, original := parked(t, uri, to.queue)
			if original["reason"] != "unreadable" || string(d.Body) != bad {
				t.Errorf("%s: got %v", to.queue, original)
			}
			text, kind := original["error"], original["error_type"]
			if text != error || kind != "ValidationError" {
				t.Errorf("%s: got %v", to.queue, original)
			}
		}
		post(t, uri, "", "checkout-plain", amqp.Publishing{Body: []byte(bad)})
		p.Log.Wait(t, 1, "message dropped", "/amount must be at least 1")
		post(t, uri, "", "checkout-loose", amqp.Publishing{Body: []byte(`{"items": [{}]}`)})
		hosttest.Receive(t, "the call", checkout.taken)
		post(t, uri, "", "checkout-loose", amqp.Publishing{Body: []byte(`{"amount": 0}`)})
		p.Log.Wait(t, 2, "message dropped", "/amount must be at least 1")
		if lines := p.Log.Lines("/amount"); strings.Contains(strings.Join(lines, ""), "incomplete") {
			t.Errorf("got %q", lines)
		}
	})
}
