package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// A drain counts how calls end while a container stops.
type drain struct {
	waiting  atomic.Int64 // calls that wait for a worker, at any time
	stopping atomic.Bool
	finished atomic.Int64 // calls that have ended since the stop began

	cutOff, givenBack int // calls that Kill ended; guarded by the mutex of the container
}

// cut counts the calls that Kill is about to end: those that run, and those that wait for a worker.
// The caller holds mu.
func (c *Container) cut() {
	c.drain.cutOff = 0
	for _, h := range c.hosted {
		c.drain.cutOff += h.workers.calls()
	}
	c.drain.givenBack = int(c.drain.waiting.Load())
}

// drained logs the result of a stop that began at since.
func (c *Container) drained(since time.Time) {
	c.mu.Lock()
	cutOff, givenBack := c.drain.cutOff, c.drain.givenBack
	c.mu.Unlock()
	level := slog.LevelInfo
	if cutOff+givenBack > 0 {
		level = slog.LevelWarn
	}
	c.logger.LogAttrs(context.Background(), level, "drained",
		slog.Int64("finished", c.drain.finished.Load()),
		slog.Int("cut_off", cutOff),
		slog.Int("given_back", givenBack),
		slog.Duration("duration", time.Since(since)),
	)
}
