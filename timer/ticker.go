package timer

import (
	"context"
	"log/slog"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A ticker makes the calls of one row.
type ticker struct {
	row       *service.Row
	schedule  schedule
	takesTick bool // the method takes a Tick
	stopped   chan struct{}
}

// Start implements [service.Entrypoint].
func (t *ticker) Start(context.Context) error {
	first := t.schedule.begin(time.Now())
	t.row.Go(func(ctx context.Context) { t.tick(ctx, first) })
	return nil
}

// Stop ends the ticks. The container waits for a call that is running.
func (t *ticker) Stop(context.Context) error {
	close(t.stopped)
	return nil
}

// tick calls the method at each tick, from the first one until Stop or the end of the container.
func (t *ticker) tick(ctx context.Context, first time.Time) {
	for at := first; t.wait(ctx, at); {
		_, _ = t.row.Run(ctx, service.Request{Leading: t.leading(time.Now())}) // Run logs the error
		var skipped int64
		if at, skipped = t.schedule.next(time.Now()); skipped > 0 {
			t.row.Logger().LogAttrs(ctx, slog.LevelWarn, "late ticks skipped", slog.Int64("skipped", skipped))
		}
	}
}

// wait returns true at a time, or false if the ticks end before.
func (t *ticker) wait(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.stopped:
	case <-ctx.Done():
	}
	select {
	case <-t.stopped: // even if it is time
		return false
	default:
		return ctx.Err() == nil
	}
}

// leading returns the parameters after ctx. The tick's time is computed from now, because the
// system clock may have been set since the start.
func (t *ticker) leading(now time.Time) []any {
	if !t.takesTick {
		return nil
	}
	return []any{Tick{Time: now.Add(t.schedule.due().Sub(now))}}
}
