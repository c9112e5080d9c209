package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gomeko/gomeko/service"
)

// Counter is a service whose calls wait until they are released.
type Counter struct {
	_ service.Name `service:"counter"`

	Entrypoints struct {
		Wait   Trigger `trigger:"wait"`
		Other  Trigger `trigger:"other"`
		Narrow Trigger `trigger:"narrow" max_workers:"1"`
	}

	Release chan struct{}
}

func (s *Counter) Wait(context.Context) error   { <-s.Release; return nil }
func (s *Counter) Other(context.Context) error  { return nil }
func (s *Counter) Narrow(context.Context) error { <-s.Release; return nil }

func startCounter(t *testing.T, workers int) (triggers, *Counter) {
	counter := &Counter{Release: make(chan struct{})}
	_, all := start(t, service.Config{MaxWorkers: workers}, counter)
	return all, counter
}

func TestReserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, counter := startCounter(t, 2)
		wait, other, narrow := all["counter.wait"], all["counter.other"], all["counter.narrow"]

		first := narrow.TryReserve()
		if first == nil {
			t.Fatal("no worker is free before the first call")
		}
		if again := narrow.TryReserve(); again != nil {
			t.Error("a row with max_workers 1 has a second worker")
		}
		second := wait.TryReserve()
		if second == nil {
			t.Fatal("the service has only one of its two workers")
		}
		if third := other.TryReserve(); third != nil {
			t.Error("the service has a third worker")
		}

		// A call that waits gets the worker that Release gives back.
		waited := make(chan error)
		go func() { _, err := other.Run(t.Context(), service.Request{}); waited <- err }()
		synctest.Wait()
		second.Release()
		second.Release()
		if err := <-waited; err != nil {
			t.Error(err)
		}

		// Each reservation is for one call, which releases the workers when it ends.
		ran := make(chan error)
		go func() { _, err := narrow.Run(t.Context(), service.Request{Reserved: first}); ran <- err }()
		synctest.Wait()
		first.Release()
		if taken := narrow.TryReserve(); taken != nil {
			t.Error("a row has a free worker while its call runs")
		}
		if _, err := narrow.Run(t.Context(), service.Request{Reserved: first}); err == nil || !strings.Contains(err.Error(), "was used by another call") {
			t.Errorf("a second call with a reservation: %v", err)
		}
		later := make(chan *service.Reservation)
		go func() { later <- narrow.Reserve(nil) }()
		synctest.Wait()
		close(counter.Release)
		if err := <-ran; err != nil {
			t.Error(err)
		}
		(<-later).Release()

		// When all is released, both workers are free.
		free := []*service.Reservation{wait.TryReserve(), wait.TryReserve()}
		if slices.Contains(free, nil) {
			t.Errorf("not all workers are free: %v", free)
		}
		for _, v := range free {
			v.Release()
		}
	})
}

func TestReserveEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, _ := startCounter(t, 1)
		wait, narrow := all["counter.wait"], all["counter.narrow"]
		held := wait.TryReserve()
		done := make(chan struct{})
		got := make(chan *service.Reservation)
		go func() { got <- narrow.Reserve(done) }()
		synctest.Wait()
		close(done)
		if v := <-got; v != nil {
			t.Error("Reserve returned a worker after done was closed")
		}
		held.Release()
		narrow.TryReserve().Release() // also the worker of the row is free again
	})
}

// TestReservedRun checks that calls that do not begin release their workers too.
func TestReservedRun(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		of, runs string
		ctx      context.Context //nolint:containedctx // of a row of the table
		want     string
	}{
		{of: "wait", runs: "other", ctx: t.Context(), want: "<nil>"},
		{of: "wait", runs: "other", ctx: over, want: "call cancelled"},
		{of: "wait", runs: "narrow", ctx: t.Context(), want: "Request.Reserved is a worker of another row"},
	} {
		t.Run(fmt.Sprint(row.runs, row.want), func(t *testing.T) {
			all, _ := startCounter(t, 1)
			v := all["counter."+row.of].TryReserve()
			_, err := all["counter."+row.runs].Run(row.ctx, service.Request{Reserved: v})
			if !strings.Contains(fmt.Sprint(err), row.want) {
				t.Errorf("error %v, want %s", err, row.want)
			}
			v = all["counter."+row.of].TryReserve()
			if v == nil {
				t.Fatal("the worker is not released")
			}
			v.Release()
		})
	}
}
