package messaging_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Billing bills what a shop of somebody else's tells of.
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

// A service consumes from an exchange that knows nothing of Nameko.
func ExampleConsumer() {
	b := broker.New(broker.Config{})
	defer b.Close(context.Background())
	at := transport.Config{URI: "amqp://", Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }}

	billing := &Billing{billed: make(chan string)}
	host, err := service.New(service.Config{}, billing, service.Configure(at))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := host.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer host.Stop(ctx)

	shop, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close(ctx)
	err = shop.Publish(ctx, transport.Publishing{Exchange: "shop", Key: "order.created", Body: []byte(`{"product": "tea"}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-billing.billed)
	// Output: order.created: tea
}
