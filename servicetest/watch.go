package servicetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
)

// An Outcome is what a call of a row has come to, when its per-call values have ended and the middleware has returned.
type Outcome struct {
	Call   *service.Call
	Result any   // what the method returned
	Err    error // nil for success
}

// Watch takes note of every call of a row that ends from now on. Each call of next returns the next one of them, in their order,
// and waits for it if it has not ended yet; after 30 seconds it fails the test, which is why only the test's own
// goroutine may call it. Watch before what makes the call, then nothing is missed:
//
//	swept := h.Watch("orders.Sweep")
//	… // what makes it run
//	if got := swept(); got.Err != nil {
//
// To wait for a certain one, ask until it is the one:
//
//	for got := swept(); got.Err != nil; got = swept() {
//	}
//
// A call is noted before its caller has the reply. A row that is not there fails the test.
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
			h.t.Fatalf("%s: no call of it, or no further one, has ended within %v", row, limit)
		}
		return o
	}
}

// errPanicked is what is noted of a call whose own middleware did not return.
var errPanicked = errors.New("a middleware panicked")

// observe is the outermost middleware.
func (h *Host) observe(next service.Runner) service.Runner {
	return func(ctx context.Context) (any, error) {
		o := Outcome{Call: service.FromContext(ctx), Err: errPanicked}
		defer func() { h.note(o) }()
		o.Result, o.Err = next(ctx)
		return o.Result, o.Err
	}
}

func (h *Host) note(o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watches[o.Call.Service+"."+o.Call.Row] {
		w.add(o)
	}
}

// A watch has the outcomes that were not asked for yet.
type watch struct {
	mu       sync.Mutex
	outcomes []Outcome
	more     chan struct{} // has an element when outcomes may have grown since the last look
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

// next takes the first outcome; false when there is none until late.
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
