package servicetest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// patience is how long a step may take before it counts as one that never ends.
	patience = 10 * time.Second

	// moment is how long is waited for what has no event.
	moment = patience / 100
)

// TestEntrypoint tests that an entrypoint of one's own does what containers, services and peers rely on: those who write
// an extension call it in a test.
//
// proto is a pointer to a service that has rows of the extension. Its methods are not run: calls return, fail, panic
// and hang as the test needs it.
//
// provoke makes one call of one of these methods happen, as a peer would. It returns nil when the peer knows that the call
// has succeeded, or at once if peers are told nothing; and in any case when ctx ends. Several goroutines call it, also
// while nothing serves. What it opens for one call it closes.
//
// options are what [service.New] takes beside the service: what configures the extension, further services.
//
// Everything that is wrong is an error of t, which says what is expected. These are the rules:
//
//   - bind: until the container is started nothing is taken and nothing runs.
//   - tag: a key that the extension does not know is refused, whatever else is wrong with the row.
//   - once: a provocation is one call.
//   - outcome: after a call that failed or panicked the next one succeeds, and the container still runs.
//   - busy: calls for which no worker is free run when one is.
//   - drain: a stop takes no new calls; the peer of one that runs is told its outcome before the stop is over.
//   - kill: a call that hangs does not hold up a stop whose ctx ends, nor a kill.
//   - unwind: when a later extension fails to set up or to start, what was set up is given back.
//
// After each of them, another container of the same process works, and no goroutine is left. It takes about a second.
func TestEntrypoint(t testing.TB, proto any, provoke func(ctx context.Context) error, options ...any) {
	t.Helper()
	tr := &trial{ctx: t.Context(), proto: proto, provoke: provoke, options: options}
	if err := tr.again(); err != nil {
		t.Errorf("a first call: %v", err)
		return
	}
	before := goleak.IgnoreCurrent() // with what provoke has opened for all of its calls
	for _, rule := range []struct {
		name string
		test func() error
	}{
		{"bind", tr.bind},
		{"tag", tr.tag},
		{"once", tr.once},
		{"outcome", tr.outcome},
		{"busy", tr.busy},
		{"drain", tr.drain},
		{"kill", tr.kill},
		{"unwind", tr.unwind},
	} {
		if err := rule.test(); err != nil {
			t.Errorf("%s: %v", rule.name, err)
		}
		if err := tr.again(); err != nil {
			t.Errorf("%s: after it, another container: %v", rule.name, err)
			return
		}
		if err := goleak.Find(before); err != nil {
			t.Errorf("%s: goroutines are left: make them with Row.Go, end them at Stop and at Kill: %v", rule.name, err)
			return
		}
	}
}

// A trial is the test of one extension.
type trial struct {
	ctx     context.Context // the test's
	proto   any
	provoke func(context.Context) error
	options []any
}
