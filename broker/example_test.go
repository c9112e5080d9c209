package broker_test

import (
	"context"
	"fmt"
	"log"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
)

// The broker runs in the same process as its clients, without a port.
func Example() {
	ctx := context.Background()
	b := broker.New(broker.Config{})
	defer b.Close(ctx)

	conn, err := amqp.DialConfig("amqp://guest:guest@memory", amqp.Config{
		Dial: func(string, string) (net.Conn, error) { return b.Dial(ctx) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		log.Fatal(err)
	}
	q, err := ch.QueueDeclare("greetings", true, false, false, false, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = ch.PublishWithContext(ctx, "", q.Name, false, false, amqp.Publishing{Body: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	d, _, err := ch.Get(q.Name, true)
	fmt.Printf("%s, %v, %d left\n", d.Body, err, b.Messages())
	// Output: hello, <nil>, 0 left
}

// The broker serves other processes.
func ExampleBroker_Listen() {
	b := broker.New(broker.Config{Users: map[string]string{"app": "secret"}})
	defer b.Close(context.Background())

	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := amqp.Dial("amqp://app:secret@" + addr.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.Properties["cluster_name"])
	// Output: gomeko
}

// A user may do in a virtual host what its permissions allow.
func ExampleAccess() {
	b := broker.New(broker.Config{
		Users:  map[string]string{"ana": "secret", "ben": "secret"},
		VHosts: []string{"shop"},
		Access: map[string]broker.Access{"ben": {
			VHosts:         map[string]broker.Permission{"shop": {Configure: "^ben\\.", Write: ".*", Read: "^ben\\."}},
			MaxConnections: 10,
		}},
	})
	defer b.Close(context.Background())
	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := amqp.Dial("amqp://ben:secret@" + address.String() + "/shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = ch.QueueDeclare("orders", true, false, false, false, nil)
	fmt.Println(err)
	// Output: Exception (403) Reason: "ACCESS_REFUSED - access to queue 'orders' in vhost 'shop' refused for user 'ben'"
}
