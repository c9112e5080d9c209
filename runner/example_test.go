package runner_test

import (
	"context"
	"fmt"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Greeting greets.
type Greeting struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
	}
}

func (*Greeting) Hello(_ context.Context, name string) (string, error) {
	return fmt.Sprintf("Hello, %s!", name), nil
}

// Module is what the program runs. Pass further modules to Main beside it.
var Module = fx.Module("greeting", service.Provide(new(Greeting)))

// This is a complete main function. Main exits the process itself.
func ExampleMain() {
	runner.Main(Module)
}

// Reminder is a service that needs no broker: a timer calls its method.
type Reminder struct {
	_ service.Name `service:"reminder"`

	Entrypoints struct {
		Remind timer.Interval `timer:"100ms"`
	}

	Stop context.CancelFunc
}

func (r *Reminder) Remind(context.Context) error {
	fmt.Println("Drink a glass of water.")
	r.Stop()
	return nil
}

// A program with its own main function runs its services until its context ends.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	cfg := runner.Config{Logger: slog.New(slog.DiscardHandler)}
	err := runner.Run(ctx, cfg, service.Provide(&Reminder{Stop: stop}))
	fmt.Println("ended:", err)
	// Output:
	// Drink a glass of water.
	// ended: <nil>
}
