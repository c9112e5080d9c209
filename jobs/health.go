package jobs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A health tracks which dependencies of a queue's service fail. While one fails, the queue takes no
// messages, and claims neither jobs nor hooks. Running jobs continue.
type health struct {
	mu      sync.Mutex
	reasons []string // why the queue is paused, in order
	since   time.Time
	started bool // the queue has its consumer

	heeding sync.Mutex // held while the queue is paused or resumed
	told    bool       // the pause was logged
}

// pauseFor pauses the queues of a service for a reason, or resumes them.
func (p *process) pauseFor(service, reason string, on bool) {
	for _, q := range p.queues {
		if q.carrier == nil && q.service == service && q.health.set(reason, on) {
			p.host.Go(q.heed)
		}
	}
}

// set adds or removes a reason. It returns false if nothing changed.
func (h *health) set(reason string, on bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.reasons, reason)
	switch known := i >= 0; {
	case known == on:
		return false
	case known:
		h.reasons = slices.Delete(h.reasons, i, i+1)
	default:
		if len(h.reasons) == 0 {
			h.since = time.Now()
		}
		h.reasons = append(h.reasons, reason)
	}
	return true
}

// now returns why the queue is paused and since when. Without reasons, it is not paused.
func (h *health) now() (reasons []string, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.reasons), h.since
}

// isFailing reports whether a dependency fails.
func (q *queue) isFailing() bool {
	q.health.mu.Lock()
	defer q.health.mu.Unlock()
	return len(q.health.reasons) > 0
}

// heed pauses or resumes the queue, according to its current state.
func (q *queue) heed(ctx context.Context) {
	h := &q.health
	h.heeding.Lock()
	defer h.heeding.Unlock()
	h.mu.Lock()
	started := h.started
	h.mu.Unlock()
	if !started { // Start calls heed
		return
	}
	reasons, since := h.now()
	switch failing := len(reasons) > 0; {
	case failing:
		if !h.told {
			q.log().Warn("jobs: queue paused: its jobs wait", "queue", q.name, "reasons", reasons)
		}
		q.pause(ctx, pause{failing: true})
		for _, g := range q.groups {
			g.giveBack()
			g.setMore()
		}
	case h.told:
		q.log().Info("jobs: queue resumed", "queue", q.name, "after", time.Since(since).Round(time.Millisecond))
		q.resume(pause{failing: true})
		for _, g := range q.groups {
			g.rouse()
		}
		q.wakeHooks()
	}
	h.told = len(reasons) > 0
}

// begin notes that the queue has its consumer.
func (q *queue) begin(ctx context.Context) {
	q.health.mu.Lock()
	q.health.started = true
	q.health.mu.Unlock()
	q.heed(ctx)
}
