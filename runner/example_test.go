package runner_test

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
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

// Module is what a program runs. Further modules stand beside it in Main.
var Module = fx.Module("greeting", service.Provide(new(Greeting)))

// This is a whole main function. It ends the process itself.
func ExampleMain() {
	runner.Main(Module)
}
