package runner

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

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
		return nil, nil, fmt.Errorf("application: %w", dig.RootCause(err))
	}
	if len(services) == 0 {
		return nil, nil, errors.New("application: no services; give runner.Main a module with service.Provide(new(Orders)) in it")
	}
	slices.SortStableFunc(services, func(a, b any) int {
		x, y := reflect.TypeOf(a), reflect.TypeOf(b)
		if x == nil || y == nil {
			return 0
		}
		if x.String() < y.String() {
			return -1
		}
		return 1
	})
	return app, services, nil
}
