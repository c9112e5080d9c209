package transport_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/transport"
)

// inMemory dials an embedded broker. In production, omit Config.Dial and set the URI of RabbitMQ.
func inMemory(b *broker.Broker) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
}

// A program declares a queue, publishes a message to it, and consumes it.
func ExampleDial() {
	ctx := context.Background()
	b := broker.New(broker.Config{})
	defer b.Close(ctx)
	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost:5672/", Dial: inMemory(b)})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	orders := transport.Queue{Name: "orders", Durable: true}
	if err := conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{orders}}); err != nil {
		log.Fatal(err)
	}

	done := make(chan struct{})
	consumer, err := conn.Consume(ctx, transport.Consume{
		Queue:    "orders",
		Prefetch: 10,
		Handle: func(d *transport.Delivery) {
			fmt.Printf("received %s\n", d.Body)
			d.Ack()
			close(done)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	err = conn.Publish(ctx, transport.Publishing{Key: "orders", Mandatory: true, Body: []byte("one chair")})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	if err := consumer.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: received one chair
}

// Publish returns when the broker has confirmed the message, or has returned it.
func ExampleConn_Publish() {
	ctx := context.Background()
	b := broker.New(broker.Config{})
	defer b.Close(ctx)
	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost:5672/", Dial: inMemory(b)})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	p := transport.Publishing{Key: "orders", Body: []byte("one chair")}
	fmt.Println(conn.Publish(ctx, p))

	p.Mandatory = true
	err = conn.Publish(ctx, p)
	if returned := new(transport.Returned); errors.As(err, &returned) {
		fmt.Println(returned.Code, returned.Text)
	}
	fmt.Println(err)
	// Output:
	// <nil>
	// 312 NO_ROUTE
	// exchange "", key "orders": returned by the broker: 312 NO_ROUTE
}

// A Config prints its URI without the password.
func ExampleConfig_String() {
	fmt.Println(transport.Config{URI: "pyamqp://orders:secret@rabbit1/shop;rabbit2"})
	// Output: amqp://orders:**@rabbit1:5672/shop;amqp://orders:**@rabbit2:5672/shop
}
