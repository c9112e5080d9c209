package prometheus

import (
	"context"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Clock has a row.
type Clock struct {
	_ service.Name `service:"clock"`

	Entrypoints struct {
		Tick timer.Interval `timer:"1h"`
	}
}

func (*Clock) Tick(context.Context) error { return nil }

// Counting a call does not allocate.
func TestAllocations(t *testing.T) {
	tell := observed(t)
	if got := testing.AllocsPerRun(1000, tell); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// BenchmarkCall measures the cost of counting a call.
func BenchmarkCall(b *testing.B) {
	tell := observed(b)
	b.ReportAllocs()
	for b.Loop() {
		tell()
	}
}

// observed returns a function that reports a failed call to the observer.
func observed(t testing.TB) (tell func()) {
	t.Helper()
	m := newMetrics(Config{}, newRegistry())
	o := m.observer()
	c, err := service.New(service.Config{}, new(Clock), service.Configure(o))
	if err != nil {
		t.Fatal(err)
	}
	call := service.ObservedCall{Entry: c.Rows()[0], Waited: time.Millisecond, Duration: time.Second, Outcome: service.OutcomeFault}
	ctx := t.Context()
	return func() {
		call.Started = false
		ctx := o.CallBegan(ctx, call)
		call.Started = true
		o.CallStarted(ctx, call)
		o.CallEnded(ctx, call)
	}
}
