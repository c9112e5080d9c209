package service

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTell measures how long it takes to tell an observer that a call arrived, got a worker
// and ended. BenchmarkObserver is too coarse for that, because a whole call takes fifty times as
// long.
func BenchmarkTell(b *testing.B) {
	var n [Outcomes]atomic.Int64
	container := new(Container)
	container.observers.add(Observer{
		CallBegan:   func(ctx context.Context, _ ObservedCall) context.Context { return ctx },
		CallStarted: func(context.Context, ObservedCall) {},
		CallEnded:   func(_ context.Context, c ObservedCall) { n[c.Outcome].Add(1) },
	})
	c := &run{Context: context.Background(), row: &Row{container: container}, began: time.Now(), started: true}
	b.ReportAllocs()
	for b.Loop() {
		all := &container.observers
		all.callBegan(c, c.observed())
		all.callStarted(c, c.observed())
		c.observeEnd(OK, nil)
	}
}
