// Package fleet contains the services that the examples in the help of commands name.
package fleet

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Module contains all of the services.
var Module = fx.Module("fleet", service.Provide(new(Greeting)), service.Provide(new(Orders)), service.Provide(new(Reports)),
	service.Provide(new(Images)), service.Provide(new(Billing)))

// Greeting greets.
type Greeting struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
	}
}

// Hello returns a greeting.
func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

// Orders takes orders.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		CreateOrder rpc.Method     `rpc:"create_order(items, note=None)"`
		GetOrder    rpc.Method     `rpc:"get_order(order_id)"`
		ForgetUser  events.Handler `events:"users.user_deleted"`
	}
}

// CreateOrder returns an id.
func (*Orders) CreateOrder(context.Context, []map[string]int, *string) (int, error) { return 7, nil }

// GetOrder returns an order.
func (*Orders) GetOrder(_ context.Context, id int) (map[string]int, error) {
	return map[string]int{"id": id}, nil
}

// ForgetUser forgets nothing.
func (*Orders) ForgetUser(context.Context, map[string]int) error { return nil }

// Reports writes reports.
type Reports struct {
	_ service.Name `service:"reports"`

	Entrypoints struct {
		Nightly timer.Cron `timer:"30 2 * * *"`
		Month   jobs.Job   `jobs:"month(month)" allow:"/reports"`
	}
}

// Nightly runs at night.
func (*Reports) Nightly(context.Context, timer.Tick) error { return nil }

// Month writes the report of a month.
func (*Reports) Month(_ context.Context, month string) (string, error) { return month, nil }

// Images changes images.
type Images struct {
	_ service.Name `service:"images"`

	Entrypoints struct {
		Resize jobs.Job `jobs:"resize(url, width=100)"`
	}
}

// Resize fails for a width of 0.
func (*Images) Resize(_ context.Context, url string, width int) (string, error) {
	if width == 0 {
		return "", service.Park(errors.New("no width"))
	}
	return fmt.Sprintf("%s, %d wide", url, width), nil
}

// Billing cannot write bills.
type Billing struct {
	_ service.Name `service:"billing"`

	Entrypoints struct {
		Bill messaging.Consumer `messaging:"bills"`
	}
}

// Bill parks what it receives.
func (*Billing) Bill(_ context.Context, text string) error {
	return service.Park(errors.New("order 7: unknown: timeout: no table: " + text))
}
