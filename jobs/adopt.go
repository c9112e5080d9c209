package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// tell writes the rows of this process into the store, and reads which queues they had before.
func (p *process) tell(ctx context.Context) error {
	var rows []store.Row
	for _, q := range p.queues {
		for _, w := range q.rows {
			rows = append(rows, store.Row{Service: q.service, Name: w.name, Queue: q.name, Sensitive: w.Sensitive()})
		}
	}
	if err := p.store.Host(ctx, rows...); err != nil {
		return err
	}
	hosted, err := p.store.Hosted(ctx)
	if err != nil {
		return err
	}
	for _, q := range p.queues {
		q.elsewhere = map[string][]string{}
		if common := queueName(q.service, ""); q.name != common {
			q.elsewhere[common] = slices.Sorted(maps.Keys(q.rows))
		}
		for _, r := range hosted {
			if q.service == r.Service && q.rows[r.Name] != nil && r.Former != "" && r.Former != q.name && !slices.Contains(q.elsewhere[r.Former], r.Name) {
				q.elsewhere[r.Former] = append(q.elsewhere[r.Former], r.Name)
			}
		}
	}
	return nil
}

// adopt takes over jobs whose queue in the store differs from that of their rows.
func (p *process) adopt(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, p.lease())
	defer cancel()
	for _, q := range p.queues {
		_ = q.adopt(limited) // the sweep of the store reports that it is away
	}
}

// adopt takes over the jobs of its rows that are in other queues: jobs that clients enqueued in the
// service's queue because they did not know the rows' key queue, and jobs from before the rows got
// this queue.
func (q *queue) adopt(ctx context.Context) error {
	for former, names := range q.elsewhere {
		if err := q.moveHere(ctx, former, names...); err != nil {
			return err
		}
	}
	return nil
}

// moveHere moves the jobs of names from another queue of the service to this one.
func (q *queue) moveHere(ctx context.Context, from string, names ...string) error {
	if from == q.name {
		return nil
	}
	n, err := q.process.store.Move(ctx, q.service, from, q.name, names...)
	if n > 0 {
		for _, g := range q.groups {
			g.setMore()
		}
		q.wakeHooks()
	}
	return err
}

// leave unbinds the queues that rows had before, and republishes messages that nobody consumes
// there. It is called each minute, because workers of an older version bind the queues again.
func (p *process) leave(ctx context.Context) {
	for _, q := range p.queues {
		q.takeKept(ctx)
		for former, names := range q.elsewhere {
			keys := make([]string, len(names))
			for i, name := range names {
				keys[i] = routingKey(q.service, name)
			}
			err := p.conn().Unbind(ctx, former, exchangeName, keys...)
			if err == nil {
				err = q.empty(ctx, former, names)
			}
			if err != nil && ctx.Err() == nil {
				q.log().Warn("jobs: messages for rows may still be in another queue", "queue", q.name, "former", former, "err", err)
			}
		}
	}
}

// takeKept takes over jobs that processes of an older version, which did not know their names, have
// kept in other queues of the service.
func (q *queue) takeKept(ctx context.Context) {
	for _, other := range q.process.queues {
		if other.service != q.service || q.process.store == nil {
			continue
		}
		if err := q.moveHere(ctx, other.name, slices.Collect(maps.Keys(q.rows))...); err != nil && ctx.Err() == nil {
			q.log().Warn("jobs: jobs may still be in another queue", "queue", q.name, "other", other.name, "err", err)
		}
	}
}

// empty moves messages for rows out of a queue that they had before, if no worker consumes it.
func (q *queue) empty(ctx context.Context, former string, names []string) error {
	n, consumers, err := q.process.conn().Inspect(ctx, former)
	var refused *transport.Error
	switch {
	case errors.As(err, &refused) && refused.Code == markGone:
		return nil
	case err != nil || n == 0 || consumers > 0:
		return err
	}
	return q.process.look(ctx, former, func(d *transport.Delivery) mover {
		if d.Type == nudgeType || d.Type == hookType {
			if slices.Contains(names, string(d.Body)) {
				return func(context.Context, *transport.Delivery) error { return nil } // adopt has moved its job
			}
			return nil
		}
		m, err := q.identify(d)
		if err != nil || !slices.Contains(names, m.name) {
			return nil
		}
		return func(ctx context.Context, d *transport.Delivery) error {
			return q.process.publishAgain(ctx, d, routingKey(q.service, m.name))
		}
	})
}

// strangers returns the names of the service's jobs that other queues or other processes take over.
func (q *queue) strangers() (names []string) {
	for _, r := range q.process.host.Rows() {
		if r.Service == q.service && r.Kind() == "jobs" && q.rows[r.CallName()] == nil {
			names = append(names, r.CallName())
		}
	}
	return names
}
