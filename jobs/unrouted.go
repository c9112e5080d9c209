package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

const (
	unroutedEvery = time.Minute            // between two looks at the queue
	unroutedQuiet = 500 * time.Millisecond // after the last message a look ends
	unroutedMost  = 10000                  // messages of one look
)

// findUnrouted looks for messages that were published before the queues of their services existed:
// at the start, and then each minute.
func (p *process) findUnrouted(ctx context.Context) {
	for {
		n, _, err := p.conn().Inspect(ctx, unroutedName)
		if err == nil && n > 0 {
			err = p.lookAtUnrouted(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.host.Logger().Warn("jobs: messages for no queue cannot be looked at yet", "queue", unroutedName, "err", err)
		}
		if !wait.For(ctx, unroutedEvery) {
			return
		}
	}
}

// lookAtUnrouted reads the queue, publishes the messages that this process has a queue for once
// more, and leaves the others where they are, in their order.
func (p *process) lookAtUnrouted(ctx context.Context) error {
	var moving sync.WaitGroup
	arrived := make(chan struct{}, 1)
	c, err := p.consuming.Conn().Consume(ctx, transport.Consume{
		Queue:    unroutedName,
		Prefetch: unroutedMost,
		Handle: func(d *transport.Delivery) {
			select {
			case arrived <- struct{}{}:
			default:
			}
			service, name, ok := splitKey(d.Key)
			if q, known := p.queueOf(service, name); ok && q != nil {
				moving.Go(func() { p.reroute(ctx, d, q, known) })
			}
		},
	})
	if err != nil {
		return err
	}
	quiet := time.NewTimer(unroutedQuiet)
	defer quiet.Stop()
	for looking := true; looking; {
		select {
		case <-arrived:
			quiet.Reset(unroutedQuiet)
		case <-quiet.C:
			looking = false
		case <-ctx.Done():
			looking = false
		}
	}
	moving.Wait()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), pauseLimit)
	defer cancel()
	return c.Release(limited)
}

// queueOf returns the queue of this process for the jobs of a name, and whether a row has that
// name. Jobs of unknown names are those of the service's first queue. It is nil if the process does
// not have the service, or does not run this row of it.
func (p *process) queueOf(service, name string) (first *queue, known bool) {
	for _, q := range p.queues {
		switch {
		case q.service != service:
		case q.rows[name] != nil:
			return q, true
		case first == nil:
			first = q
		}
	}
	for _, r := range p.host.Rows() {
		if r.Service == service && r.Kind() == "jobs" && r.CallName() == name {
			return nil, false
		}
	}
	return first, false
}

// reroute publishes a message once more, or puts its job into the store if no row has its name, and
// acknowledges it then.
func (p *process) reroute(ctx context.Context, d *transport.Delivery, q *queue, known bool) {
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	again := p.publishAgain
	if !known {
		again = q.keep
	}
	err := again(ctx, d)
	if err == nil {
		d.Ack()
	} else if ctx.Err() == nil {
		p.host.Logger().Warn("jobs: a message for a queue that did not exist stays where it is", "key", d.Key, "err", err)
	}
}

func (p *process) publishAgain(ctx context.Context, d *transport.Delivery) error {
	return p.conn().Publish(ctx, transport.Publishing{
		Exchange: exchangeName, Key: d.Key, Mandatory: true, Forwarded: true, Properties: d.Properties, Body: d.Body,
	})
}

// keep puts the job of a message into the store: it waits there for a row of its name.
func (q *queue) keep(ctx context.Context, d *transport.Delivery) error {
	job, err := q.jobOf(d)
	if err != nil {
		q.drop(d, err)
		return nil
	}
	job.Nudged = false
	_, err = q.process.insert(ctx, []store.New{*job})
	return err
}
