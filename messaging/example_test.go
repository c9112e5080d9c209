package messaging_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// An Entry is what a log row knows about a message besides its payload.
type Entry struct{ Source string }

// LogRow is a row of an extension: it consumes a queue of log lines.
type LogRow struct{}

// Entrypoint implements service.EntrypointType.
func (LogRow) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	queue := r.Tag.Get("log")
	return messaging.Subscribe(r, messaging.Subscription{
		Queue:    queue,
		Topology: transport.Topology{Queues: []transport.Queue{{Name: queue, Durable: true}}},
	}, func(d *transport.Delivery) Entry { return Entry{Source: d.AppID} })
}

// Logs has a row of the extension.
type Logs struct {
	_ service.Name `service:"logs"`

	Entrypoints struct {
		Print LogRow `log:"lines"`
	}

	printed chan string
}

// Print is called for each message of the queue.
func (l *Logs) Print(_ context.Context, entry Entry, line string) error {
	l.printed <- entry.Source + ": " + line
	return nil
}

func ExampleSubscribe() {
	at, end := memory()
	defer end()
	logs := &Logs{printed: make(chan string)}
	defer serve(at, logs)()

	publish(at, transport.Publishing{
		Key: "lines", Body: []byte(`"started"`), Properties: transport.Properties{AppID: "shop"},
	})
	fmt.Println(<-logs.printed)
	// Output: shop: started
}

// Billing consumes the orders of a shop.
type Billing struct {
	_ service.Name `service:"billing"`

	Entrypoints struct {
		Bill messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.created"`
	}

	billed chan string
}

// Bill is called for each message.
func (b *Billing) Bill(_ context.Context, message messaging.Message, order struct{ Product string }) error {
	b.billed <- message.Key + ": " + order.Product
	return nil
}

// This service consumes messages of a program that does not use Nameko.
func ExampleConsumer() {
	at, end := memory()
	defer end()
	billing := &Billing{billed: make(chan string)}
	defer serve(at, billing)()

	publish(at, transport.Publishing{Exchange: "shop", Key: "order.created", Body: []byte(`{"product": "tea"}`)})
	fmt.Println(<-billing.billed)
	// Output: order.created: tea
}

// Mailbox sends letters to itself.
type Mailbox struct {
	_ service.Name `service:"mailbox"`

	Entrypoints struct {
		Read messaging.Consumer `messaging:"letters"`
	}

	Send messaging.Publisher `queue:"letters" expiration:"10s"`

	read chan string
}

// Read answers the first letter.
func (m *Mailbox) Read(ctx context.Context, message messaging.Message, letter string) error {
	m.read <- message.AppID + ": " + letter
	if letter != "hello" {
		return nil
	}
	return m.Send(ctx, "welcome", func(p *transport.Publishing) { p.AppID = "mailbox" })
}

func ExamplePublisher() {
	at, end := memory()
	defer end()
	mailbox := &Mailbox{read: make(chan string)}
	defer serve(at, mailbox)()

	publish(at, transport.Publishing{
		Key: "letters", Body: []byte(`"hello"`), Properties: transport.Properties{AppID: "you"},
	})
	fmt.Println(<-mailbox.read)
	fmt.Println(<-mailbox.read)
	// Output:
	// you: hello
	// mailbox: welcome
}

// Ledger consumes a queue that its tag cannot declare.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Book messaging.Consumer `messaging:"bookings" requeue:"true"`
	}

	booked chan string
}

// Book is called for each message.
func (l *Ledger) Book(_ context.Context, message messaging.Message, amount int) error {
	l.booked <- fmt.Sprint(message.Key, " ", amount)
	return nil
}

func ExampleDeclare() {
	at, end := memory()
	defer end()
	ledger := &Ledger{booked: make(chan string)}
	defer serve(at, ledger, messaging.Declare(
		messaging.Exchange{Name: "shop", Kind: messaging.Topic},
		messaging.Queue{
			Name:      "bookings",
			Type:      messaging.Quorum,
			Arguments: map[string]any{"x-delivery-limit": 5},
			Bindings: []messaging.Binding{
				{Exchange: "shop", Key: "order.paid"},
				{Exchange: "shop", Key: "order.refunded"},
			},
		},
	))()

	publish(at, transport.Publishing{Exchange: "shop", Key: "order.paid", Body: []byte("12")})
	fmt.Println(<-ledger.booked)
	publish(at, transport.Publishing{Exchange: "shop", Key: "order.refunded", Body: []byte("-12")})
	fmt.Println(<-ledger.booked)
	// Output:
	// order.paid 12
	// order.refunded -12
}

// memory starts a broker in memory.
func memory() (transport.Config, func()) {
	quiet := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Config{Logger: quiet})
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
	return transport.Config{URI: "amqp://", Dial: dial, Logger: quiet}, func() { b.Close(context.Background()) }
}

// serve hosts services until the returned function is called.
func serve(at transport.Config, services ...any) func() {
	c, err := service.New(service.Config{Logger: at.Logger}, append(services, service.Configure(at))...)
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := c.Stop(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
}

// publish publishes a message like another program.
func publish(at transport.Config, m transport.Publishing) {
	ctx := context.Background()
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.Publish(ctx, m); err != nil {
		log.Fatal(err)
	}
}
