package main

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// envelope is what a request of Nameko's has around its one argument.
const envelope = len(`{"args": [""], "kwargs": {}}`)

// text returns the argument of a request whose body has the order's size.
func (o order) text() string { return strings.Repeat("x", max(1, o.Size-envelope)) }

// closedLoop has each of the callers call for the order's duration, one call after the other, and
// once at least.
func closedLoop(o order, l *latencies, call func(text string) error) report {
	l.calls.Store(0)
	text := o.text()
	var failed atomic.Pointer[error]
	var callers sync.WaitGroup
	began := time.Now()
	end := began.Add(o.Duration)
	for range o.Callers {
		callers.Go(func() {
			since := time.Now()
			for {
				if err := call(text); err != nil {
					failed.Store(&err)
					return
				}
				now := time.Now()
				l.add(now.Sub(since))
				if since = now; !since.Before(end) || failed.Load() != nil {
					return
				}
			}
		})
	}
	callers.Wait()
	r := l.report(time.Since(began))
	if err := failed.Load(); err != nil {
		r.Error = (*err).Error()
	}
	return r
}

// latencies collects how long calls took. It is made once, or its making would be part of what is
// measured.
type latencies struct {
	took  []time.Duration
	calls atomic.Int64
}

func newLatencies() *latencies { return &latencies{took: make([]time.Duration, 1<<21)} }

func (l *latencies) add(took time.Duration) {
	if i := l.calls.Add(1) - 1; i < int64(len(l.took)) {
		l.took[i] = took
	}
}

func (l *latencies) report(elapsed time.Duration) report {
	n := int(l.calls.Load())
	took := l.took[:min(n, len(l.took))]
	if len(took) == 0 {
		return report{Elapsed: elapsed, Error: "no call has succeeded"}
	}
	slices.Sort(took)
	return report{Calls: n, Elapsed: elapsed, P50: took[len(took)/2], P99: took[len(took)*99/100]}
}
