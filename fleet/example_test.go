package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Reports reports each second, in one process of the fleet.
type Reports struct {
	_ service.Name `service:"reports"`

	Entrypoints struct {
		Report timer.Cron `timer:"* * * * * *" missed:"all"`
	}

	reported chan timer.Tick
}

func (r *Reports) Report(_ context.Context, tick timer.Tick) error {
	r.reported <- tick
	return nil
}

// A program that hosts its services itself configures the fleet; runner.Main does so, too.
func ExampleTimers() {
	ctx := context.Background()
	b := broker.New(broker.Config{}) // in production, use RabbitMQ
	defer b.Close(ctx)
	reports := &Reports{reported: make(chan timer.Tick, 10)}
	c, err := service.New(service.Config{}, reports,
		service.Configure(to(b)),
		service.Configure(fleet.Timers()))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	first, second := <-reports.reported, <-reports.reported
	fmt.Println(second.Nominal.Sub(first.Nominal))
	if err := c.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: 1s
}

// to returns the configuration of connections to a broker in memory.
func to(b *broker.Broker) transport.Config {
	return transport.Config{
		URI:  "amqp://memory",
		Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) },
	}
}

// Stock manages a stock.
type Stock struct {
	_ service.Name `service:"stock"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(item)"`
	}
}

func (*Stock) Count(_ context.Context, item string) (int, error) { return len(item), nil }

// A program that hosts its services itself makes them visible in the fleet; runner.Main does so,
// too. With AccessFull it also answers dump and level, which may reveal data of calls or change
// something.
func ExampleControl() {
	ctx := context.Background()
	b := broker.New(broker.Config{}) // in production, use RabbitMQ
	defer b.Close(ctx)
	bus := to(b)
	c, err := service.New(service.Config{}, new(Stock),
		service.Configure(bus),
		service.Configure(fleet.Control(fleet.ControlConfig{Access: fleet.AccessFull, Version: "1.4.0"})))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer c.Stop(ctx)

	conn, err := transport.Dial(ctx, bus) // from another program
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)
	answers, err := fleet.Survey(ctx, conn, fleet.Question{Verb: "ping", Service: "stock"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range answers.Answers {
		fmt.Println(a.Services[0].Name, a.Services[0].Version)
	}
	// Output: stock 1.4.0
}

// Survey asks all processes of a service whether they are healthy. Complete is false if a process
// that the broker knows has not answered in time.
func ExampleSurvey() {
	ctx := context.Background()
	b := broker.New(broker.Config{})
	defer b.Close(ctx)
	bus := to(b)
	for range 2 { // usually, each runs in its own process
		c, err := service.New(service.Config{}, new(Stock),
			service.Configure(bus), service.Configure(fleet.Control(fleet.ControlConfig{})))
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := c.Start(ctx); err != nil {
			fmt.Println(err)
			return
		}
		defer c.Stop(ctx)
	}

	conn, err := transport.Dial(ctx, bus)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close(ctx)
	answers, err := fleet.Survey(ctx, conn, fleet.Question{Verb: "health", Service: "stock"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range answers.Answers {
		var health fleet.Health
		if err := json.Unmarshal(a.Answer, &health); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("ready:", health.Ready)
	}
	fmt.Println("complete:", answers.Complete())
	// Output:
	// ready: true
	// ready: true
	// complete: true
}
