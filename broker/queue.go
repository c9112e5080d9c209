package broker

import (
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A queue holds messages until a consumer takes them.
type queue struct {
	vhost      *vhost
	name       string
	durable    bool
	autoDelete bool
	owner      *conn // of an exclusive queue
	arguments  frame.Table
	bindings   map[binding]struct{}
	removed    bool
	turn       uint64 // of the vhost, when it was last routed to

	ready     backlog
	unsettled int // delivered and not acknowledged

	consumers []*consumer // all of them
	waiting   []*consumer // those that may take a message, in turn from next
	next      int
	exclusive *consumer // the one that wants to be alone

	head   *time.Timer   // expires the first message
	headAt time.Time     // when head does
	lease  time.Duration // x-expires: how long the queue may be idle, 0 for ever
	idle   *time.Timer   // ends the lease
}

// push adds a new message, or hands it to a consumer at once: one that lives for 0 ms
// then arrives as well.
func (q *queue) push(m *message, expires time.Time) {
	e := q.ready.next(m, expires)
	if q.expire(); q.ready.len() == 0 {
		if c := q.consumer(); c != nil {
			c.take(e)
			return
		}
	}
	q.ready.push(e)
	q.pump()
}

// pump delivers what can be delivered.
func (q *queue) pump() {
	for q.expire(); q.ready.len() > 0; q.expire() {
		c := q.consumer()
		if c == nil {
			q.watchHead()
			return
		}
		c.take(q.ready.pop())
	}
}

// consumer returns whose turn it is, nil if none can take a message. Those that cannot
// are left out until something lets them in again.
func (q *queue) consumer() *consumer {
	for len(q.waiting) > 0 {
		q.next %= len(q.waiting)
		c := q.waiting[q.next]
		if c.ready() {
			q.next++
			return c
		}
		c.parked = true
		q.waiting = slices.Delete(q.waiting, q.next, q.next+1)
	}
	return nil
}

// admit lets a consumer take its turn.
func (q *queue) admit(c *consumer) {
	c.parked = false
	q.waiting = append(q.waiting, c)
}

// enlist adds a consumer.
func (q *queue) enlist(c *consumer) {
	q.consumers = append(q.consumers, c)
	q.admit(c)
	q.touch()
}

// dismiss removes a consumer for good.
func (q *queue) dismiss(c *consumer) {
	i := slices.Index(q.consumers, c)
	q.consumers = slices.Delete(q.consumers, i, i+1)
	if i := slices.Index(q.waiting, c); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		if i < q.next {
			q.next--
		}
	}
	if q.exclusive == c {
		q.exclusive = nil
	}
	if len(q.consumers) == 0 && q.autoDelete && !q.removed {
		q.remove()
	}
	q.touch()
}

// putBack returns a message that was delivered to its place.
func (q *queue) putBack(e entry) {
	q.unsettled--
	if q.removed {
		return
	}
	e.redelivered = true
	q.ready.putBack(e)
}

// purge drops the ready messages.
func (q *queue) purge() int {
	n := q.ready.len()
	q.ready.clear()
	return n
}

// remove deletes the queue: its consumers are told, its bindings go, and with them
// exchanges that live by them.
func (q *queue) remove() {
	q.removed = true
	delete(q.vhost.queues, q.name)
	q.stopTimers()
	for b := range q.bindings {
		q.unbind(b)
	}
	for _, c := range slices.Clone(q.consumers) {
		c.revoke()
	}
	q.ready.clear()
}

func (q *queue) bind(b binding) {
	if _, bound := q.bindings[b]; bound {
		return
	}
	q.bindings[b] = struct{}{}
	b.exchange.routes.add(b.key, q)
	b.exchange.bindings++
}

func (q *queue) unbind(b binding) {
	if _, bound := q.bindings[b]; !bound {
		return
	}
	delete(q.bindings, b)
	b.exchange.routes.remove(b.key, q)
	b.exchange.bindings--
	if b.exchange.bindings == 0 && b.exchange.autoDelete {
		delete(q.vhost.exchanges, b.exchange.name)
	}
}

// expire drops what has expired at the head. Behind a message that lives longer, an
// expired one stays until it gets there, as in RabbitMQ's classic queues.
func (q *queue) expire() {
	for q.ready.len() > 0 {
		if e := q.ready.peek(); e.expires.IsZero() || time.Now().Before(e.expires) {
			return
		}
		q.ready.pop()
	}
}

// watchHead sees to it that the first message expires in time though nobody asks for it.
func (q *queue) watchHead() {
	expires := q.ready.peek().expires
	if expires.IsZero() {
		return
	}
	if q.head != nil {
		if !expires.Before(q.headAt) {
			return // it looks again then
		}
		q.head.Stop()
	}
	var head *time.Timer
	head = time.AfterFunc(time.Until(expires), func() {
		q.vhost.mu.Lock()
		defer q.vhost.mu.Unlock()
		if q.head != head {
			return
		}
		q.head = nil
		if q.expire(); q.ready.len() > 0 {
			q.watchHead()
		}
	})
	q.head, q.headAt = head, expires
}

// touch renews the lease of the queue, if it has one, because it was used.
func (q *queue) touch() {
	if q.lease == 0 || q.removed {
		return
	}
	if q.idle != nil {
		q.idle.Stop()
	}
	if len(q.consumers) > 0 {
		return
	}
	var idle *time.Timer
	idle = time.AfterFunc(q.lease, func() {
		q.vhost.mu.Lock()
		defer q.vhost.mu.Unlock()
		if q.idle == idle && len(q.consumers) == 0 && !q.removed {
			q.remove()
		}
	})
	q.idle = idle
}

func (q *queue) stopTimers() {
	for _, t := range []*time.Timer{q.head, q.idle} {
		if t != nil {
			t.Stop()
		}
	}
	q.head, q.idle, q.lease = nil, nil, 0
}
