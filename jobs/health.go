package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A health is what a queue knows of the dependencies of its service. While one fails, the queue takes
// no messages, and claims neither jobs nor hooks. Jobs that run go on.
type health struct {
	mu      sync.Mutex
	failing []string // the dependencies, in order
	since   time.Time
	started bool // the queue has its consumer

	heeding sync.Mutex // held while the queue is paused or resumed
	told    bool       // the pause is in the log
}

// watchHealth pauses the queues of services that use a failing dependency, if the container is to.
func (p *process) watchHealth() {
	if !p.host.PauseUnhealthy() {
		return
	}
	p.host.WatchHealth(func(h service.HealthState) {
		for _, q := range p.queues {
			if q.carrier == nil && slices.Contains(h.Services, q.service) && q.health.set(h) {
				p.host.Go(q.heed)
			}
		}
	})
}

// set notes whether a dependency fails. It returns false if that was known.
func (h *health) set(state service.HealthState) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.failing, state.Name)
	switch known := i >= 0; {
	case known == state.Failing:
		return false
	case known:
		h.failing = slices.Delete(h.failing, i, i+1)
	default:
		if len(h.failing) == 0 {
			h.since = time.Now()
		}
		h.failing = append(h.failing, state.Name)
	}
	return true
}

// now returns why the queue is paused, and since when. Without reasons it is not.
func (h *health) now() (reasons []string, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.failing {
		reasons = append(reasons, name+" is failing")
	}
	return reasons, h.since
}

// isFailing reports whether a dependency fails.
func (q *queue) isFailing() bool {
	q.health.mu.Lock()
	defer q.health.mu.Unlock()
	return len(q.health.failing) > 0
}

// heed pauses or resumes the queue, whichever is right at this moment.
func (q *queue) heed(ctx context.Context) {
	h := &q.health
	h.heeding.Lock()
	defer h.heeding.Unlock()
	h.mu.Lock()
	started := h.started
	h.mu.Unlock()
	if !started { // Start heeds it
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

// begin says that the queue has its consumer.
func (q *queue) begin(ctx context.Context) {
	q.health.mu.Lock()
	q.health.started = true
	q.health.mu.Unlock()
	q.heed(ctx)
}
