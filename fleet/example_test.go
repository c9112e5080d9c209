package fleet_test

import (
	"context"
	"fmt"
	"net"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
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

// A program that hosts its services itself configures the fleet; runner.Main does it too.
func ExampleTimers() {
	ctx := context.Background()
	b := broker.New(broker.Config{}) // a fleet has RabbitMQ
	defer b.Close(ctx)
	reports := &Reports{reported: make(chan timer.Tick, 10)}
	c, err := service.New(service.Config{}, reports,
		service.Configure(transport.Config{
			URI:  "amqp://memory",
			Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) },
		}),
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
