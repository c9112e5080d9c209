package service

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

// An application is what the container's services are given values by. It is set up before all else, stopped after all
// else, and not stopped in order when the container is killed: its hooks are for an orderly end.
type application struct{ *inject.App }

func newApplication(services []any, shutDown func(exitCode int)) *application {
	opts := make([]fx.Option, len(services))
	for i, s := range services {
		if opt, ok := s.(fx.Option); ok {
			opts[i] = opt
		} else {
			opts[i] = Provide(s)
		}
	}
	return &application{inject.New(shutDown, opts...)}
}

func (a *application) Setup(ctx context.Context) error { return a.App.Start(ctx) }

// Start does nothing: Setup did.
func (a *application) Start(context.Context) error { return nil }

func (a *application) Kill() {}
