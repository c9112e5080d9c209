package rpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/transport"
)

const (
	lookEvery = time.Second            // a queue is looked at no more often
	lookLimit = 500 * time.Millisecond // a call that has timed out waits no longer for the answer
)

// A look is how a queue stood at one moment.
type look struct {
	at   time.Time
	done chan struct{} // closed when the others are there

	messages, consumers int
	err                 error
}

// look looks at a queue for a call that has timed out. Those that time out together share one look.
func (c *caller) look(queue string) *look {
	now := time.Now()
	c.mu.Lock()
	conn, l := c.conn, c.looks[queue]
	first := l == nil || now.Sub(l.at) >= lookEvery
	if first {
		maps.DeleteFunc(c.looks, func(_ string, old *look) bool { return now.Sub(old.at) >= lookEvery })
		l = &look{at: now, done: make(chan struct{})}
		c.looks[queue] = l
	}
	c.mu.Unlock()
	if first {
		ctx, cancel := context.WithTimeout(c.life, lookLimit)
		l.messages, l.consumers, l.err = conn.Inspect(ctx, queue)
		cancel()
		close(l.done)
	}
	<-l.done
	return l
}

// overdue returns the error of a call that got no reply in time, with what a look at the service's queue tells of why.
func (c *caller) overdue(r *Reply, why error) error {
	text := fmt.Sprintf("%s: %v after %s", r.name(), why, r.age())
	queue := queueOf(r.service)
	l := c.look(queue)
	var refused *transport.Error
	switch {
	case errors.As(l.err, &refused) && refused.Code == notFound:
		return rpcerror.NewTimeout(fmt.Sprintf("%s; there is no queue %s", text, queue), nil)
	case l.err != nil: // that the broker is away is told by the connection
		return rpcerror.NewTimeout(text, nil)
	case l.consumers == 0:
		return rpcerror.NewTimeout(fmt.Sprintf("%s; nobody consumes queue %s (ready messages: %d)", text, queue, l.messages), ErrNoConsumers)
	}
	return rpcerror.NewTimeout(fmt.Sprintf("%s; queue %s has consumers: %d, ready messages: %d", text, queue, l.consumers, l.messages), nil)
}

// notFound is the broker's reply code for what is not there.
const notFound = 404

// queueOf is the name of the queue that a service's requests wait in.
func queueOf(service string) string { return "rpc-" + service }
