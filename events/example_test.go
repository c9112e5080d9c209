package events_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Orders forgets users who have left.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		ForgetUser events.Handler `events:"users.user_deleted"`
	}

	forgotten chan int
}

// ForgetUser is called for each event.
func (o *Orders) ForgetUser(_ context.Context, event events.Event, user struct{ ID int }) error {
	fmt.Println(event.Service, event.Type, user.ID)
	close(o.forgotten)
	return nil
}

// A service handles an event that a program dispatches which hosts no services.
func Example() {
	b := broker.New(broker.Config{})
	defer b.Close(context.Background())
	at := transport.Config{URI: "amqp://", Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }}

	orders := &Orders{forgotten: make(chan int)}
	host, err := service.New(service.Config{}, orders, service.Configure(at))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if err := host.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer host.Stop(ctx)

	conn, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	dispatch := events.NewDispatcher(conn, "users")
	if err := dispatch(ctx, "user_deleted", map[string]int{"id": 7}); err != nil {
		log.Fatal(err)
	}
	<-orders.forgotten
	// Output: users user_deleted 7
}
