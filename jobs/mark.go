package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/transport"
)

const (
	markPrefix  = exchangeName + "-store."    // of the names of marks, in place of queuePrefix
	markID      = "x-dead-letter-routing-key" // the argument that holds the store's id
	markAgain   = 100 * time.Millisecond      // between two tries to set a mark
	markExpires = 60000                       // ms after which a mark is deleted that a restart of the broker has left
	markTries   = 15                          // until a worker that has just ended is gone
	markTaken   = 406                         // the mark is that of another store
	markGone    = 404                         // the mark has just been deleted
	markRemedy  = "give all workers the same store; on several hosts, use PostgreSQL"
)

// A mark tells other processes which store the workers of a queue have: it is an empty queue with
// the store's id among its arguments. A broker refuses to declare it with another id. Each worker
// consumes it, so that the broker deletes it with the last one.
type mark struct {
	queue    *queue
	topology transport.Topology
	consumer *transport.Consumer
}

// markOf returns the mark of a queue.
func markOf(q *queue) *mark {
	return &mark{queue: q, topology: transport.Topology{Queues: []transport.Queue{{
		Name: markPrefix + strings.TrimPrefix(q.name, queuePrefix), Durable: true, AutoDelete: true,
		Args: transport.Table{"x-queue-type": "classic", "x-expires": markExpires, "x-dead-letter-exchange": "", markID: q.process.storeID},
	}}}}
}

func (m *mark) name() string { return m.topology.Queues[0].Name }

// set sets the mark. It returns an error if workers of the queue have another store. A mark that no
// worker consumes is left of one that has ended, and is replaced.
func (m *mark) set(ctx context.Context) error {
	conn := m.queue.process.consuming.Conn()
	for try := 1; ; try++ {
		err := m.try(ctx, conn)
		var refusal *transport.Error
		if !errors.As(err, &refusal) || refusal.Code != markTaken && refusal.Code != markGone {
			return err
		}
		if try == markTries {
			return m.mistake(err, refusal)
		}
		if !wait.For(ctx, markAgain) {
			return context.Cause(ctx)
		}
		if _, consumers, err := conn.Inspect(ctx, m.name()); err == nil && consumers == 0 && try > markTries/2 {
			if err := conn.Delete(ctx, m.name()); err != nil {
				return err
			}
		}
	}
}

// try sets the mark once. Between the declaration and the consumer, another process may have
// replaced it: the second declaration finds out.
func (m *mark) try(ctx context.Context, conn *transport.Conn) (err error) {
	if err = conn.Declare(ctx, m.topology); err != nil {
		return err
	}
	if m.consumer, err = conn.Consume(ctx, transport.Consume{Queue: m.name(), Handle: func(d *transport.Delivery) { d.Ack() }}); err != nil {
		return err
	}
	if err = conn.Declare(ctx, m.topology); err != nil {
		return errors.Join(err, m.remove(ctx))
	}
	return nil
}

// remove stops consuming the mark.
func (m *mark) remove(ctx context.Context) error {
	if m == nil || m.consumer == nil {
		return nil
	}
	return m.consumer.Close(ctx)
}

var currentID = regexp.MustCompile(`'` + markID + `'.* current is (?:the value )?'(.*?)'`)

// mistake returns the error of a mark that is refused.
func (m *mark) mistake(err error, refusal *transport.Error) error {
	id := currentID.FindStringSubmatch(refusal.Text)
	if id == nil {
		return err
	}
	p := m.queue.process
	return fmt.Errorf("queue %s: its workers in other processes have a store with the id %s, and this process has %s with the id %s: %s",
		m.queue.name, cmp.Or(id[1], "unknown"), p.store.Name(), p.storeID, markRemedy)
}
