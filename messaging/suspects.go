package messaging

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/transport"
)

// A redelivered message may have killed the process that handled it. The flag alone proves nothing:
// a lost connection marks every message that a process holds. So the redelivered messages of a row
// that retries move to a queue of suspects, from which each process handles one at a time. The
// number of times that a message was returned to that queue is the number of processes that it has
// killed.

// suspects is the consumer of a row's suspect queue.
type suspects struct {
	sub      *subscriber
	consumer *transport.Consumer // nil if they are not consumed

	// moving is held for reading while a message moves to the suspects, from its publishing until the
	// broker has its acknowledgement. A suspect is handled only after that: otherwise each process
	// that it kills could leave one more copy.
	moving sync.RWMutex
}

// maxDeaths is the number of processes that a message may kill before it is parked.
const maxDeaths = 3

// topology returns the topology to declare.
func (p *suspects) topology() transport.Topology {
	return transport.Topology{Queues: []transport.Queue{p.sub.retries.queues.Suspect(p.sub.Queue)}}
}

// queue returns the name of the queue.
func (p *suspects) queue() string { return deadletter.SuspectQueue(p.sub.Queue) }

// start begins to consume the suspects of a row that retries, or those that an earlier version of
// the row has left.
func (p *suspects) start(ctx context.Context) error {
	if p.sub.retries.off() {
		return nil
	}
	if len(p.sub.Retry) == 0 {
		if exists, err := p.sub.retries.exists(ctx, p.queue()); !exists {
			return err
		}
	}
	err := p.sub.conn.Declare(ctx, p.topology())
	if err == nil {
		p.sub.retries.mover.know(p.sub.conn, p.queue())
		p.consumer, err = p.sub.conn.Consume(ctx, transport.Consume{
			Queue:    p.queue(),
			Prefetch: 1,
			Resume:   true,
			Handle: func(d *transport.Delivery) {
				p.sub.row.Go(func(ctx context.Context) { p.sub.deliver(ctx, p.open(d)) })
			},
			Unhandled: p.unhandled(p.open),
		})
	}
	if err != nil {
		return p.sub.retries.unlessRefused(err)
	}
	p.sub.pauses.manage(p.consumer)
	return nil
}

// open returns the message in a delivery of the suspects.
func (p *suspects) open(d *transport.Delivery) received {
	m := returned(d)
	m.suspect, m.first.Redelivered = true, true // by the queue that it came from
	return m
}

// isolate moves a message to the suspects if it was delivered before, and reports whether it has
// settled it. Until the broker has confirmed the move, the row is paused and the message stays in
// its queue.
func (p *suspects) isolate(ctx context.Context, m received) (settled bool) {
	if m.suspect || !m.Redelivered || !p.sub.retries.climbs() {
		return false
	}
	switch err := p.move(ctx, m); {
	case err == nil:
		p.sub.row.Logger().Info("message was delivered before: it waits for its turn among the suspects", "queue", p.queue())
	case errors.Is(err, errUnsendable):
		p.sub.row.Logger().Warn("message was delivered before and cannot be moved to the suspects: it is handled now", "queue", p.queue(), "err", err)
		return false
	default: // the row is stopping, or the connection is lost
		m.Reject(true)
	}
	return true
}

// move moves a message to the suspects, and acknowledges it once the broker has confirmed the copy.
func (p *suspects) move(ctx context.Context, m received) error {
	p.moving.RLock()
	defer p.moving.RUnlock()
	err := p.sub.retries.mover.move(ctx, m.Delivery, p.topology(), m.attempt.Publishing(m.first, p.queue()))
	if err == nil {
		_ = m.AckNow(ctx) // after an error it is delivered again, and moved again
	}
	return err
}

// unhandled returns the function for deliveries that arrive while their consumer stops, or nil if
// the row does not retry. Returning such a delivery would make it a suspect, or count as a death if
// it is one. If the row is stopping, the delivery is handled, like those received before. If the
// row pauses, it is given back, but a suspect is not returned.
func (p *suspects) unhandled(open func(*transport.Delivery) received) func(*transport.Delivery) {
	if len(p.sub.Retry) == 0 {
		return nil
	}
	return func(d *transport.Delivery) {
		p.sub.row.Go(func(ctx context.Context) {
			if m := open(d); p.sub.pauses.over() {
				p.sub.deliver(ctx, m)
			} else {
				p.giveBack(ctx, m)
			}
		})
	}
}

// giveBack gives back a message whose call did not run to its end. A suspect is published again
// instead, because its queue would count a return as a death.
func (p *suspects) giveBack(ctx context.Context, m received) {
	if m.suspect && ctx.Err() == nil && p.move(ctx, m) == nil {
		return
	}
	m.Reject(true)
}

// bury parks a suspect that has killed too many processes, and reports whether it did. Otherwise
// the message is handled now.
func (p *suspects) bury(ctx context.Context, m received) bool {
	if !m.suspect {
		return false
	}
	p.moving.Lock()
	p.moving.Unlock() //nolint:staticcheck // those that hold it are waited for
	if m.attempt.Returns < maxDeaths {
		return false
	}
	p.sub.tell(ctx, m)
	err := fmt.Errorf("the process ended %d times while it handled the message", m.attempt.Returns)
	f := &failure{received: m, row: p.sub.row, err: err, fate: parked, reason: deadletter.Killed}
	f.describe()
	p.sub.retries.park(ctx, f)
	return true
}

// stop stops consuming.
func (p *suspects) stop(ctx context.Context) error {
	if p.consumer == nil {
		return nil
	}
	return p.consumer.Cancel(ctx)
}

// close writes the last acknowledgements, after every call has ended.
func (p *suspects) close(ctx context.Context) error { return closeConsumer(ctx, p.consumer) }
