// Package torch is a service whose entrypoint fails when the process receives SIGUSR1.
package torch

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomeko/gomeko/service"
)

// Torch has an entrypoint that can fail.
type Torch struct {
	_ service.Name `service:"torch"`

	Entrypoints struct {
		Burn Fuse `fuse:""`
	}
}

func (*Torch) Burn(context.Context) error { return nil }

// A Fuse is an entrypoint that fails.
type Fuse struct{}

func (Fuse) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("burn")
	return &fuse{row: r, lit: make(chan os.Signal, 1), wet: make(chan struct{})}, err
}

type fuse struct {
	row *service.Row
	lit chan os.Signal
	wet chan struct{}
}

func (f *fuse) Start(context.Context) error {
	signal.Notify(f.lit, syscall.SIGUSR1)
	f.row.Go(func(context.Context) {
		select {
		case <-f.lit:
			f.row.Fail(errors.New("the fuse is gone"))
		case <-f.wet:
		}
	})
	return nil
}

func (f *fuse) Stop(context.Context) error {
	signal.Stop(f.lit)
	close(f.wet)
	return nil
}
