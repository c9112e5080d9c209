package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A User is the payload of the events.
type User struct{ ID int }

// Orders forgets users who have left.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		ForgetUser events.Handler `events:"users.user_deleted"`
	}

	forgotten chan string
}

// ForgetUser is called for each event.
func (o *Orders) ForgetUser(_ context.Context, event events.Event, user User) error {
	o.forgotten <- fmt.Sprint(event.Service, " ", event.Type, " ", user.ID)
	return nil
}

// Users deletes users.
type Users struct {
	_ service.Name `service:"users"`

	Entrypoints struct {
		Delete rpc.Method `rpc:"delete(user_id)"`
	}

	Dispatch events.Dispatcher
}

// Delete tells the other services.
func (u *Users) Delete(ctx context.Context, id int) error {
	return u.Dispatch(ctx, "user_deleted", User{id})
}

func ExampleHandler() {
	at, end := memory()
	defer end()
	orders := &Orders{forgotten: make(chan string, 1)}
	defer serve(at, orders)()

	// In another process, a service dispatches the event.
	err := dispatchFrom(at, "users", "user_deleted", User{7})
	fmt.Println(err, <-orders.forgotten)
	// Output: <nil> users user_deleted 7
}

func ExampleDispatcher() {
	at, end := memory()
	defer end()
	orders := &Orders{forgotten: make(chan string, 1)}
	defer serve(at, orders, new(Users))()

	ctx := context.Background()
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer caller.Close(ctx)
	err = caller.Client("users").Call(ctx, "delete", nil, 7)
	fmt.Println(err, <-orders.forgotten)

	// In a test of the service, a func is enough.
	users := &Users{Dispatch: func(_ context.Context, event string, payload any) error {
		fmt.Println(event, payload)
		return nil
	}}
	fmt.Println(users.Delete(ctx, 8))
	// Output:
	// <nil> users user_deleted 7
	// user_deleted {8}
	// <nil>
}

func ExampleNewDispatcher() {
	at, end := memory() // elsewhere: transport.Config{URI: "amqp://guest:guest@localhost"}
	defer end()
	orders := &Orders{forgotten: make(chan string, 1)}
	defer serve(at, orders)()

	ctx := context.Background()
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	dispatch := events.NewDispatcher(conn, "users")
	err = dispatch(ctx, "user_deleted", map[string]int{"id": 7})
	fmt.Println(err, <-orders.forgotten)
	// Output: <nil> users user_deleted 7
}

func ExampleListen() {
	at, end := memory()
	defer end()
	defer serve(at, new(Users))() // the service that dispatches the events declares their exchange

	ctx, stop := context.WithCancel(context.Background())
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(context.Background())
	go func() { // until Listen hears one
		for ctx.Err() == nil {
			_ = dispatchFrom(at, "users", "user_deleted", User{7})
		}
	}()
	err = events.Listen(ctx, conn, "users", "user_deleted", func(e events.Event, payload json.RawMessage) {
		if ctx.Err() == nil {
			fmt.Println(e.Service, e.Type, string(payload))
		}
		stop()
	})
	fmt.Println(err)
	// Output:
	// users user_deleted {"ID":7}
	// <nil>
}

// dispatchFrom dispatches an event in the name of a service.
func dispatchFrom(at transport.Config, service, event string, payload any) error {
	ctx := context.Background()
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return events.NewDispatcher(conn, service)(ctx, event, payload)
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
