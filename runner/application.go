package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/service"
)

// assemble makes the fx application of opts and returns its services, in the order of their types' names: fx keeps none.
func assemble(cfg *config.Config, opts []fx.Option) (*fx.App, []any, error) {
	var services []any
	app := fx.New(
		fx.NopLogger,
		fx.Supply(cfg),
		fx.Options(opts...),
		fx.Invoke(func(p service.Provided) { services = p.Services }),
	)
	if err := app.Err(); err != nil {
		return nil, nil, applicationError(err)
	}
	if len(services) == 0 {
		return nil, nil, errors.New("application: no services; give runner.Main a module with service.Provide(new(Orders)) in it")
	}
	slices.SortStableFunc(services, func(a, b any) int {
		return strings.Compare(fmt.Sprintf("%T", a), fmt.Sprintf("%T", b))
	})
	return app, services, nil
}

// applicationError is an error of fx without the stack of providers that it quotes.
func applicationError(err error) error {
	cause := dig.RootCause(err)
	if missing, ok := strings.CutPrefix(cause.Error(), "missing type: "); ok {
		return fmt.Errorf("application: nothing provides %s: give a module fx.Provide with a function that returns it", missing)
	}
	return fmt.Errorf("application: %w", cause)
}
