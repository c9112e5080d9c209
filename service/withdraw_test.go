package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// Kiln is a service with one worker.
type Kiln struct {
	_ service.Name `service:"kiln"`

	Entrypoints struct {
		Fire Trigger `trigger:"fire"`
	}

	Cool chan struct{}
}

func (k *Kiln) Fire(context.Context) error {
	<-k.Cool
	return nil
}

// A request that is withdrawn does not wait for a worker. A call that has one continues.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kiln, all, log := &Kiln{Cool: make(chan struct{})}, triggers{}, new(hosttest.Log)
		c, err := service.New(service.Config{MaxWorkers: 1, Logger: log.Logger()}, kiln, service.Configure(all))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		withdrawn := make(chan struct{})
		run := func() chan error {
			done := make(chan error, 1)
			go func() {
				_, err := all["kiln.fire"].Run(t.Context(), service.Request{Withdrawn: withdrawn})
				done <- err
			}()
			synctest.Wait()
			return done
		}
		running, waiting := run(), run()
		close(withdrawn)
		synctest.Wait()
		if err := <-waiting; !errors.Is(err, service.ErrStopped) || errors.Is(err, service.ErrTimeout) {
			t.Errorf("got %v, want that the call was withdrawn", err)
		}
		close(kiln.Cool)
		if err := <-running; err != nil {
			t.Errorf("got %v, want that the call that had begun goes on", err)
		}
		if strings.Contains(log.String(), "call failed") {
			t.Errorf("got the log %q, want nothing about a call that was withdrawn", log)
		}
		if err := <-run(); err != nil {
			t.Errorf("got %v, want that a worker is free", err)
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
