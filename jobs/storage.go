package jobs

import (
	"context"
	"fmt"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// A storage is the store of a container, which its rows and clients share. It is opened before they
// are set up, and closed when they have stopped.
type storage struct {
	cfg    Config
	store  *store.Store // nil before Setup, and without a store
	opened bool         // by Config.Open
	rules  rules
	alarm  *alarm // of the sweeper, for jobs scheduled by the container
}

// storageOf returns the storage of a container.
func storageOf(host *service.Host) (*storage, error) {
	return service.Shared(host, func(host *service.Host) (*storage, error) {
		cfg, _ := service.Lookup[Config](host)
		return &storage{cfg: cfg, alarm: newAlarm()}, nil
	})
}

// Setup opens the store.
func (s *storage) Setup(ctx context.Context) (err error) {
	s.store = s.cfg.Store
	if s.store != nil || s.cfg.Open == nil {
		return nil
	}
	if s.store, err = s.cfg.Open(ctx); err != nil {
		return fmt.Errorf("store of jobs: %w", err)
	}
	s.opened = s.store != nil
	return nil
}

// Stop closes the store if Setup opened it.
func (s *storage) Stop(context.Context) error {
	if !s.opened {
		return nil
	}
	s.opened = false
	return s.store.Close()
}

// Kill leaves the store open, since statements may be in progress and the process ends.
func (s *storage) Kill() {}
