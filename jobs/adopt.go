package jobs

import (
	"context"
	"maps"
	"slices"
)

// adopt takes over the jobs that clients have enqueued without knowing that their rows have the key
// queue: they are in the store with the queue of the service.
func (p *process) adopt(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.lease())
	defer cancel()
	for _, q := range p.queues {
		n, err := q.adopt(limited)
		if n == 0 || err != nil { // the sweep of the store reports that it is away
			continue
		}
		for _, g := range q.groups {
			g.setMore()
		}
		q.wakeHooks()
	}
}

// adopt takes over such jobs of the queue, and returns how many.
func (q *queue) adopt(ctx context.Context) (int, error) {
	common := queueName(q.service, "")
	if q.name == common {
		return 0, nil
	}
	return q.process.store.Move(ctx, common, q.name, slices.Sorted(maps.Keys(q.rows))...)
}

// strangers returns the names of the service's jobs that other queues take over, or other
// processes.
func (q *queue) strangers() (names []string) {
	for _, r := range q.process.host.Rows() {
		if r.Service == q.service && r.Kind() == "jobs" && q.rows[r.CallName()] == nil {
			names = append(names, r.CallName())
		}
	}
	return names
}
