package invoices

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Module contains the application.
var Module = fx.Module("invoices",
	service.Provide(new(Invoices)),
	fx.Provide(func() *Book { return new(Book) }),
	messaging.Declare(
		messaging.Exchange{Name: "shop", Kind: messaging.Topic},
		messaging.Queue{
			Name:      "invoices.paid",
			Type:      messaging.Quorum,
			Arguments: map[string]any{"x-delivery-limit": 5},
			Bindings: []messaging.Binding{
				{Exchange: "shop", Key: "order.paid"},
				{Exchange: "shop", Key: "order.refunded"},
			},
		},
	),
)

// Invoices writes invoices for the orders of a shop.
type Invoices struct {
	_ service.Name `service:"invoices"`

	Entrypoints struct {
		Paid  messaging.Consumer `messaging:"invoices.paid" requeue:"true"`
		Audit messaging.Consumer `messaging:"invoices.audit" exchange:"shop" key:"#"`
	}

	Print messaging.Publisher `queue:"printer" declare:"false" mandatory:"true"`
	Book  *Book               `inject:""`
}

// An Order is the payload of the shop's messages.
type Order struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
}

// An Invoice is the payload of the printer's messages.
type Invoice struct {
	Order string `json:"order"`
	Text  string `json:"text"`
}

// Paid writes the invoice for an order, or a credit note if the order was refunded.
func (i *Invoices) Paid(ctx context.Context, message messaging.Message, order Order) error {
	title := "Invoice"
	if message.Key == "order.refunded" {
		title = "Credit note"
	}
	invoice := Invoice{order.ID, fmt.Sprintf("%s for order %s: %d.%02d", title, order.ID, order.Cents/100, order.Cents%100)}
	return i.Print(ctx, invoice, func(m *transport.Publishing) { m.MessageID = order.ID })
}

// Audit records a message.
func (i *Invoices) Audit(_ context.Context, message messaging.Message) error {
	i.Book.Add(fmt.Sprintf("%s: %s", message.Key, message.Body))
	return nil
}

// A Book is the record of all messages. Calls share it.
type Book struct {
	mu sync.Mutex

	lines []string
}

// Add adds a line.
func (b *Book) Add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
}

// Lines returns all lines.
func (b *Book) Lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.lines...)
}
