package service

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// watch logs the stack of a method, once, if it still runs some time after its call was answered.
func (a *attempt) watch() {
	c, host := a.run, a.run.row.container
	time.AfterFunc(host.stuckAfter, func() {
		goroutine := a.goroutine.Load()
		if len(a.done) > 0 || goroutine == nil {
			return
		}
		attrs := append(c.call.attrs(), slog.String("stack", host.stacks.of(*goroutine)))
		host.logger.LogAttrs(c, slog.LevelWarn, "call stuck", attrs...)
		host.observers.callStuck(c, *c.observed())
		if host.cfg.MaxStuck > 0 {
			host.countStuck(a)
		}
	})
}

// countStuck counts a stuck method until it returns, and ends the container if there are too many.
func (c *Container) countStuck(a *attempt) {
	if n := int(c.stuck.Add(1)); n >= c.cfg.MaxStuck {
		c.fail(&StuckError{n})
	}
	select {
	case <-a.done: // nobody else waits for it any more
		c.stuck.Add(-1)
	case <-c.ended:
	}
}

// stuckInterval is how often a container that stops because of stuck methods checks whether other
// methods still run.
const stuckInterval = 100 * time.Millisecond

// untilStuck cancels the stop of a container when only stuck methods are still running.
func (c *Container) untilStuck(ctx context.Context, cancel func()) {
	tick := time.NewTicker(stuckInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		calls := 0
		for _, h := range c.hosted {
			calls += h.workers.calls()
		}
		if calls > 0 && calls <= int(c.stuck.Load()) && c.goroutines.none() {
			cancel()
			return
		}
	}
}

// stacks are the stacks of all goroutines. Taking them stops the program, so they serve all calls
// that are found stuck at about the same time.
type stacks struct {
	mu sync.Mutex

	at   time.Time
	text []byte
}

// of returns the stack of a goroutine, by its number.
func (s *stacks) of(goroutine string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > time.Second {
		s.text, s.at = allStacks(), time.Now()
	}
	head := []byte("goroutine " + goroutine + " ")
	for stack := range bytes.SplitSeq(s.text, []byte("\n\n")) {
		if bytes.HasPrefix(stack, head) {
			return string(stack)
		}
	}
	return ""
}

// allStacks returns the stacks of all goroutines.
func allStacks() []byte {
	text := make([]byte, 8<<20)
	return bytes.Clone(text[:runtime.Stack(text, true)])
}
