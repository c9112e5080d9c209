package service

import (
	"bytes"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// watch logs, once, the stack of a method that still runs some time after its call was answered.
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
	})
}

// stacks are the stacks of all goroutines. To take them stops the program, so they serve all calls
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
