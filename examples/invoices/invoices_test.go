package invoices_test

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/invoices"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Printer is a fake printer.
type Printer struct {
	_ service.Name `service:"printer"`

	Entrypoints struct {
		Print messaging.Consumer `messaging:"printer"`
	}

	printed chan printed
}

type printed struct {
	id      string
	invoice invoices.Invoice
}

func (p *Printer) Print(_ context.Context, message messaging.Message, invoice invoices.Invoice) error {
	p.printed <- printed{message.MessageID, invoice}
	return nil
}

// The invoice of each order is printed, and every message is recorded, JSON or not.
func TestShop(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		broker := transport.Config{URI: uri}
		printer, book := &Printer{printed: make(chan printed, 2)}, new(invoices.Book)
		h := servicetest.New(t, invoices.Module, fx.Replace(book), printer, service.Configure(broker))
		recorded := h.Watch("invoices.Audit")
		shop, err := transport.Dial(t.Context(), broker)
		if err != nil {
			t.Fatal(err)
		}
		defer shop.Close(context.Background())

		messages := []transport.Publishing{
			{Key: "order.paid", Body: []byte(`{"id": "a1", "cents": 1205, "gift": true}`)},
			{Key: "order.refunded", Body: []byte(`{"id": "a1", "cents": 1205}`)},
			{Key: "shop.opened", Body: []byte(`hello`), Properties: transport.Properties{ContentType: "text/plain"}},
		}
		for _, m := range messages {
			m.Exchange, m.Mandatory = "shop", true
			if err := shop.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			recorded()
		}
		want := []printed{
			{"a1", invoices.Invoice{Order: "a1", Text: "Credit note for order a1: 12.05"}},
			{"a1", invoices.Invoice{Order: "a1", Text: "Invoice for order a1: 12.05"}},
		}
		got := []printed{<-printer.printed, <-printer.printed}
		slices.SortFunc(got, func(a, b printed) int { return len(b.invoice.Text) - len(a.invoice.Text) })
		if !slices.Equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		lines := []string{
			`order.paid: {"id": "a1", "cents": 1205, "gift": true}`, `order.refunded: {"id": "a1", "cents": 1205}`, `shop.opened: hello`,
		}
		if got := book.Lines(); !slices.Equal(got, lines) {
			t.Errorf("got %q, want %q", got, lines)
		}
	})
}

// A method alone needs no broker: a publisher is a func.
func TestPaid(t *testing.T) {
	t.Parallel()
	var sent transport.Publishing
	i := &invoices.Invoices{Print: func(_ context.Context, _ any, options ...func(*transport.Publishing)) error {
		for _, option := range options {
			option(&sent)
		}
		return nil
	}}
	if err := i.Paid(t.Context(), messaging.Message{Key: "order.paid"}, invoices.Order{ID: "a1"}); err != nil || sent.MessageID != "a1" {
		t.Errorf("got the id %q, %v, want that of the order", sent.MessageID, err)
	}
}
