package service_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// Busy holds its calls.
type Busy struct {
	_ service.Name `service:"busy"`

	Entrypoints struct {
		Hold  Trigger `trigger:"hold(pin)" max_workers:"1"`
		Lend  Trigger `trigger:"lend"`
		Leave Trigger `trigger:"leave" timeout:"10ms"`
	}

	holds   chan struct{}
	release chan struct{}
}

func (b *Busy) Hold(_ context.Context, pin int) error { return b.hold(pin) }

func (b *Busy) hold(int) error {
	b.holds <- struct{}{}
	<-b.release
	return nil
}

func (b *Busy) Lend(ctx context.Context) error {
	defer service.Lend(ctx)()
	return b.hold(0)
}

func (b *Busy) Leave(context.Context) error { return b.hold(0) }

// TestRunning lists calls in each state, and none when they have ended.
func TestRunning(t *testing.T) {
	t.Parallel()
	b := &Busy{holds: make(chan struct{}), release: make(chan struct{})}
	c, all := start(t, service.Config{}, b)
	ended := make(chan error, 4)
	fire := func(name string, args ...any) {
		go func() {
			_, err := all.fire(t.Context(), name, args...)
			ended <- err
		}()
	}
	fire("busy.hold", 4660)
	hosttest.Receive(t, "the first call", b.holds)
	fire("busy.hold", 4660)
	fire("busy.lend")
	hosttest.Receive(t, "the call that lends", b.holds)
	fire("busy.leave")
	hosttest.Receive(t, "the call that is left", b.holds)
	if err := hosttest.Receive(t, "the end of the call that is left", ended); err == nil {
		t.Error("got no error of the call that is left")
	}
	states := func() string {
		var states []string
		for _, call := range c.Host().Running(false) {
			states = append(states, call.Method+" "+call.State)
		}
		return strings.Join(states, ", ")
	}
	hosttest.Eventually(t, "all calls", func() bool {
		return strings.Count(states(), ",") == 3 && strings.Contains(states(), "hold running") && strings.Contains(states(), "hold waiting") &&
			strings.Contains(states(), "lend lending") && strings.Contains(states(), "leave left")
	})
	for _, call := range c.Host().Running(true) {
		has := strings.Contains(call.Stack, "service_test.(*Busy).hold(…)") && strings.Contains(call.Stack, "running_test.go:")
		if has == (call.State == "waiting") || strings.Contains(call.Stack, "0x1234") || !strings.HasPrefix(call.ID, "busy."+call.Method+".") || call.Root != call.ID {
			t.Errorf("%s %s %s: got the stack %s", call.Method, call.State, call.ID, call.Stack)
		}
	}
	close(b.release)
	hosttest.Receive(t, "the call that waited", b.holds)
	for range 3 {
		hosttest.Receive(t, "the end of a call", ended)
	}
	hosttest.Eventually(t, "no calls", func() bool { return states() == "" })
}
