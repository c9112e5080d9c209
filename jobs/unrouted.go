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
	unroutedQuiet = 500 * time.Millisecond // a look ends this long after the last message
	unroutedMost  = 10000                  // maximum number of messages in one look
)

// findUnrouted looks for messages that were published before the queues of their services existed,
// at the start and then once a minute.
func (p *process) findUnrouted(ctx context.Context) {
	for {
		n, _, err := p.conn().Inspect(ctx, unroutedName)
		if err == nil && n > 0 {
			err = p.look(ctx, unroutedName, p.unroutedMover)
		}
		if err != nil && ctx.Err() == nil {
			p.host.Logger().Warn("jobs: messages for no queue cannot be looked at yet", "queue", unroutedName, "err", err)
		}
		p.leave(ctx)
		if !wait.For(ctx, unroutedEvery) {
			return
		}
	}
}

// A mover puts a message elsewhere, before the original is acknowledged.
type mover func(context.Context, *transport.Delivery) error

// unroutedMover returns the mover for a message that no queue was bound for: it republishes the
// message if this process has a queue for it.
func (p *process) unroutedMover(d *transport.Delivery) mover {
	service, name, ok := splitKey(d.Key)
	switch q, known := p.queueOf(service, name); {
	case !ok, q == nil, !known && p.store == nil:
		return nil
	case known:
		return func(ctx context.Context, d *transport.Delivery) error { return p.publishAgain(ctx, d, d.Key) }
	default: // the job waits in the store for a row of its name
		return q.keep
	}
}

// look reads a queue and moves its messages. Messages without a mover stay where they are, in their
// order.
func (p *process) look(ctx context.Context, queue string, moverOf func(*transport.Delivery) mover) error {
	var moving sync.WaitGroup
	arrived := make(chan struct{}, 1)
	c, err := p.consuming.Conn().Consume(ctx, transport.Consume{
		Queue:    queue,
		Prefetch: unroutedMost,
		Handle: func(d *transport.Delivery) {
			select {
			case arrived <- struct{}{}:
			default:
			}
			if move := moverOf(d); move != nil {
				moving.Go(func() { p.move(ctx, d, move) })
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
// name. Jobs of unknown names belong to the first queue of the service. The queue is nil if the
// process does not have the service, or does not run this row.
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

// move moves a message, and then acknowledges it.
func (p *process) move(ctx context.Context, d *transport.Delivery, move mover) {
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	if err := move(ctx, d); err == nil {
		d.Ack()
	} else if ctx.Err() == nil {
		p.host.Logger().Warn("jobs: a message for another queue stays where it is", "key", d.Key, "err", err)
	}
}

func (p *process) publishAgain(ctx context.Context, d *transport.Delivery, key string) error {
	return p.conn().Publish(ctx, transport.Publishing{
		Exchange: exchangeName, Key: key, Mandatory: true, Forwarded: true, Properties: d.Properties, Body: d.Body,
	})
}

// keep inserts the job of a message into the store, where it waits for a row of its name.
func (q *queue) keep(ctx context.Context, d *transport.Delivery) error {
	job, err := q.jobOf(d)
	if err != nil {
		q.drop(d, err)
		return nil
	}
	job.Nudged = false
	if _, err = q.process.insert(ctx, []store.New{*job}); err == nil {
		err = q.moveHere(ctx, queueName(q.service, ""), job.Name) // where a client has put it
	}
	return err
}
