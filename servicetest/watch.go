package servicetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
)

// An Outcome is the outcome of a call, after its per-call dependencies have ended and the
// middleware has returned.
type Outcome struct {
	Call   *service.Call
	Result any   // what the method returned
	Err    error // nil if the call succeeded
}

// Watch records every call of a row that ends from now on. Each call of next returns the next
// outcome, in order, and waits for it if necessary. After 30 seconds it fails the test, so only the
// test's goroutine may call next. Call Watch before you trigger the call:
//
//	swept := h.Watch("orders.Sweep")
//	… // trigger it
//	if got := swept(); got.Err != nil {
//
// To wait for a certain outcome, loop:
//
//	for got := swept(); got.Err != nil; got = swept() {
//	}
//
// A call is recorded before its caller receives the reply. If there is no such row, the test fails.
func (h *Host) Watch(row string) (next func() Outcome) {
	h.t.Helper()
	if _, err := h.row(row); err != nil {
		h.t.Fatalf("Watch: %v", err)
	}
	w := &watch{more: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watches[row] = append(h.watches[row], w)
	return func() Outcome {
		h.t.Helper()
		o, ok := w.next(time.After(limit))
		if !ok {
			h.t.Fatalf("%s: no call has ended within %v", row, limit)
		}
		return o
	}
}

// errPanicked is recorded for a call in which a middleware panicked or ended its goroutine.
var errPanicked = errors.New("a middleware panicked or called runtime.Goexit")

// observe is the outermost middleware.
func (h *Host) observe(next service.Runner) service.Runner {
	return func(ctx context.Context) (any, error) {
		o := Outcome{Call: service.FromContext(ctx), Err: errPanicked}
		defer func() { h.record(o) }()
		o.Result, o.Err = next(ctx)
		return o.Result, o.Err
	}
}

func (h *Host) record(o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watches[o.Call.Service+"."+o.Call.Row] {
		w.add(o)
	}
}

// A watch holds the outcomes that have not been returned yet.
type watch struct {
	mu       sync.Mutex
	outcomes []Outcome
	more     chan struct{} // has an element when an outcome was added
}

func (w *watch) add(o Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcomes = append(w.outcomes, o)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// next removes the first outcome and returns it, or false if there is none before late.
func (w *watch) next(late <-chan time.Time) (Outcome, bool) {
	for {
		w.mu.Lock()
		if len(w.outcomes) > 0 {
			o := w.outcomes[0]
			w.outcomes = w.outcomes[1:]
			w.mu.Unlock()
			return o, true
		}
		w.mu.Unlock()
		select {
		case <-w.more:
		case <-late:
			return Outcome{}, false
		}
	}
}
