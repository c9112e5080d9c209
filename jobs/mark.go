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
	markPrefix  = exchangeName + "-store."    // of the names of marks, instead of queuePrefix
	markID      = "x-dead-letter-routing-key" // the argument that holds the store's id
	markAgain   = 100 * time.Millisecond      // between two tries to set a mark
	markExpires = 60000                       // ms until a mark left over by a broker restart is deleted
	markTries   = 15                          // until a worker that has just stopped is gone
	markTaken   = 406                         // another store has the mark
	markGone    = 404                         // the mark has just been deleted
	markRemedy  = "give all workers the same store; on several hosts, use PostgreSQL"
)

// A mark tells other processes which store the workers of a queue use. It is an empty queue with
// the store's id among its arguments; a broker refuses to declare it again with another id. Each
// worker consumes it, and the broker deletes it when the last one stops.
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

// set sets the mark. It returns an error if workers of the queue use another store. A mark that no
// worker consumes is left over, and is replaced.
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

// try sets the mark once. Another process may replace it between the declaration and the consumer,
// which a second declaration detects.
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

// mistake returns the error for a mark that was refused.
func (m *mark) mistake(err error, refusal *transport.Error) error {
	id := currentID.FindStringSubmatch(refusal.Text)
	if id == nil {
		return err
	}
	p := m.queue.process
	return fmt.Errorf("queue %s: its workers in other processes have a store with the id %s, and this process has %s with the id %s: %s",
		m.queue.name, cmp.Or(id[1], "unknown"), p.store.Name(), p.storeID, markRemedy)
}
