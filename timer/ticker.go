package timer

import (
	"context"
	"log/slog"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A ticker makes the calls of one row.
type ticker struct {
	row      *service.Row
	schedule schedule
	told     bool // the method takes the Tick
	stopped  chan struct{}
}

// Start implements [service.Entrypoint].
func (t *ticker) Start(context.Context) error {
	first := t.schedule.begin(time.Now())
	t.row.Go(func(ctx context.Context) { t.tick(ctx, first) })
	return nil
}

// Stop ends the ticks. The call that runs is the container's to wait for.
func (t *ticker) Stop(context.Context) error {
	close(t.stopped)
	return nil
}

// tick makes a call at each tick from the one at first, until Stop or the container's end.
func (t *ticker) tick(ctx context.Context, first time.Time) {
	for at := first; t.wait(ctx, at); {
		_, _ = t.row.Run(ctx, service.Request{Leading: t.leading(time.Now())}) // it logs its error; nobody else is to know
		var skipped int64
		if at, skipped = t.schedule.next(time.Now()); skipped > 0 {
			t.row.Logger().LogAttrs(ctx, slog.LevelWarn, "late ticks skipped", slog.Int64("skipped", skipped))
		}
	}
}

// wait returns at a time, true, or false when there are to be no more calls.
func (t *ticker) wait(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.stopped:
	case <-ctx.Done():
	}
	select {
	case <-t.stopped: // it counts, though it is time
		return false
	default:
		return ctx.Err() == nil
	}
}

// leading is what the method takes after ctx. The time is that of now's clock, which may have been set since the start.
func (t *ticker) leading(now time.Time) []any {
	if !t.told {
		return nil
	}
	return []any{Tick{Time: now.Add(t.schedule.due().Sub(now))}}
}
