package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gomeko/gomeko/transport"
)

const (
	unroutedEvery = time.Minute            // between two looks at the queue
	unroutedQuiet = 500 * time.Millisecond // after the last message a look ends
	unroutedMost  = 10000                  // messages of one look
)

// findUnrouted looks for messages that were published before the queues of their services existed: at
// the start, and then each minute.
func (p *process) findUnrouted(ctx context.Context) {
	for {
		n, _, err := p.conn().Inspect(ctx, unroutedName)
		if err == nil && n > 0 {
			err = p.lookAtUnrouted(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.host.Logger().Warn("jobs: messages for no queue cannot be looked at yet", "queue", unroutedName, "err", err)
		}
		if !sleep(ctx, unroutedEvery) {
			return
		}
	}
}

// lookAtUnrouted reads the queue, publishes the messages that this process has a queue for once more,
// and leaves the others where they are, in their order.
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
			if name, job, ok := splitKey(d.Key); ok && p.knows(name, job) {
				moving.Go(func() { p.reroute(ctx, d) })
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

// knows reports whether a queue of this process takes the jobs of a name.
func (p *process) knows(service, name string) bool {
	for _, q := range p.queues {
		if q.service == service && q.rows[name] != nil {
			return true
		}
	}
	return false
}

// reroute publishes a message once more, and acknowledges it then.
func (p *process) reroute(ctx context.Context, d *transport.Delivery) {
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	err := p.conn().Publish(ctx, transport.Publishing{
		Exchange: exchangeName, Key: d.Key, Mandatory: true, Forwarded: true, Properties: d.Properties, Body: d.Body,
	})
	if err == nil {
		d.Ack()
		return
	}
	if !errors.Is(err, context.Canceled) {
		p.host.Logger().Warn("jobs: a message for a queue that did not exist stays where it is", "key", d.Key, "err", err)
	}
}
