package service

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

// Provide adds a service to an fx application. proto is a pointer to the service's struct:
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)), fx.Provide(openDB))
//
// [New] sets the fields with the tag inject to the values that the application provides, and
// reports those that are missing. A field that is already set keeps its value.
func Provide(proto any) fx.Option { return inject.Fill(proto) }

// An application is the fx application of a container. It is set up first and stopped last. If the
// container is killed, its stop hooks do not run, because they are meant for an orderly stop.
type application struct{ *inject.App }

func newApplication(services []any, cfg *configuration, shutDown func(exitCode int)) *application {
	opts := []fx.Option{fx.Supply(cfg)}
	for _, s := range services {
		opt, ok := s.(fx.Option)
		if !ok {
			opt = Provide(s)
		}
		opts = append(opts, opt)
	}
	return &application{inject.New(shutDown, opts...)}
}

// Setup runs the start hooks.
func (a *application) Setup(ctx context.Context) error { return a.App.Start(ctx) }

// Start does nothing, since Setup has run the start hooks.
func (a *application) Start(context.Context) error { return nil }

// Kill does nothing.
func (a *application) Kill() {}
