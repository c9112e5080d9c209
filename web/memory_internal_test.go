package web

import (
	"testing"
	"testing/synctest"
	"time"
)

// When the memory is full, the client that has taken longest is cut off, but only after slowAfter,
// and not once its body has arrived.
func TestCutSlowest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{limit: 100 << 10}
		cut := ""
		named := func(name string) *hold { return &hold{memory: m, cut: func() { cut += name }} }
		a, b, c, d := named("a"), named("b"), named("c"), named("d")
		take := func(h *hold, n int64, want *Error) {
			t.Helper()
			if got := h.take(n << 10); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		take(a, 44, nil)
		take(b, 44, nil)
		if err := b.arrived(); err != nil {
			t.Error(err)
		}
		take(c, 60, errFull) // a is not slow yet
		c.release()
		take(d, 4, nil) // not counted
		time.Sleep(slowAfter)
		take(d, 40, nil)
		if cut != "a" || !a.cutOff() || m.used != 80<<10 {
			t.Errorf("got %q cut off and %d in use, want a and b, d", cut, m.used)
		}
		take(a, 1, errTooSlow)
		if err := a.arrived(); err != errTooSlow {
			t.Errorf("got %v, want %v", err, errTooSlow)
		}
		time.Sleep(slowAfter)
		take(c, 70, errFull) // cutting off d alone is not enough, and b has arrived
		for _, h := range []*hold{a, b, c, d} {
			h.release()
		}
		if m.used != 0 || m.slow.Len() != 0 {
			t.Errorf("got %d bytes in use and %d that wait, want none", m.used, m.slow.Len())
		}
		if err := c.take(101 << 10); err == nil || err.Status != 413 {
			t.Errorf("got %v for what never fits, want 413", err)
		}
	})
}
