package servicetest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// stepTimeout is how long a step may take before it is reported.
	stepTimeout = 10 * time.Second

	// pause is how long the test waits where it has no event to wait for.
	pause = stepTimeout / 100
)

// TestEntrypoint tests an entrypoint type against the rules that containers and clients rely on.
// The author of an extension calls it in a test.
//
// proto is a pointer to a service with rows of the extension. Its methods are not run: calls
// return, fail, panic and hang as the test needs.
//
// provoke makes one call of one of these methods, as a client would. It returns nil when the client
// knows that the call has succeeded, or immediately if clients receive no response. It must return
// when ctx ends, and close what it opens for a call. Several goroutines call it, even while nothing
// is served.
//
// options are more arguments of [service.New], such as the extension's configuration.
//
// Each broken rule is an error of t, which says what is expected:
//
//   - bind: before the container starts, the extension acquires no resource and runs nothing.
//   - tag: an unknown key is refused, even if the row has other mistakes.
//   - once: each provocation makes one call.
//   - outcome: after a call that failed or panicked, the next one succeeds, and the container runs.
//   - busy: a call that finds no free worker runs when one is free.
//   - drain: a stop accepts no new calls, and ends after the clients of running calls have their
//     outcome.
//   - kill: a call that hangs delays neither a kill nor a stop whose context ends.
//   - unwind: if a later extension fails in Setup or Start, the resources are released.
//
// After each rule, another container of the process must work, and no goroutine may remain. The
// test takes about a second.
func TestEntrypoint(t testing.TB, proto any, provoke func(ctx context.Context) error, options ...any) {
	t.Helper()
	tr := &trial{ctx: t.Context(), proto: proto, provoke: provoke, options: options}
	if err := tr.again(); err != nil {
		t.Errorf("a first call: %v", err)
		return
	}
	before := goleak.IgnoreCurrent() // with the goroutines that provoke keeps for all of its calls
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
			t.Errorf("%s: another container afterwards: %v", rule.name, err)
			return
		}
		if err := goleak.Find(before); err != nil {
			t.Errorf("%s: goroutines are left: start them with Row.Go, end them in Stop and in Kill: %v", rule.name, err)
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
