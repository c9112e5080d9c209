package service

import (
	"context"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

// An application is what the container's services are given values by. It is set up before all else, stopped after all
// else, and not stopped in order when the container is killed: its hooks are for an orderly end.
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

func (a *application) Setup(ctx context.Context) error { return a.App.Start(ctx) }

// Start does nothing: Setup did.
func (a *application) Start(context.Context) error { return nil }

func (a *application) Kill() {}
