package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A queue holds messages until a consumer takes them.
type queue struct {
	destination
	settings
	name       string
	durable    bool
	autoDelete bool
	owner      *conn // of an exclusive queue
	arguments  frame.Table
	removed    bool

	ready     backlog
	unsettled int // delivered and not acknowledged

	consumers []*consumer // all of them, in the order they came
	rota      rota        // those of them that may take a message
	exclusive *consumer   // the one that wants to be alone
	active    *consumer   // of a queue with a single active consumer

	head   *time.Timer   // expires the first message
	headAt time.Duration // when head does, since the vhost began
	idle   *time.Timer   // ends the lease
}

func newQueue(v *vhost, name string, s settings) *queue {
	q := &queue{name: name, settings: s}
	q.destination = destination{vhost: v, queue: q}
	return q
}

// push adds a new message, or hands it to a consumer at once: one that lives for 0 ms
// then arrives as well. It reports false if the queue refuses the message.
func (q *queue) push(m *message, ttl time.Duration) bool {
	if q.removed { // since the message was routed, in a transaction
		return true
	}
	if q.overflow != dropHead && q.isOver(q.ready.count+1, q.ready.bytes+m.size()) {
		if q.overflow == rejectPublishDLX {
			q.mourn(m, maxlen)
		}
		return false
	}
	var priority uint8
	if q.maxPriority > 0 {
		priority = m.priority(q.maxPriority)
	}
	e := q.ready.next(m, q.expiry(ttl), priority)
	m.hold(q.vhost.alarm)
	if q.expire(); q.ready.len() == 0 {
		if c := q.rota.next(); c != nil {
			c.take(e)
			return true
		}
	}
	q.ready.push(e)
	q.trim()
	q.pump()
	return true
}

// expiry returns when a message expires that comes now and lives for ttl.
func (q *queue) expiry(ttl time.Duration) time.Duration {
	if ttl = min(ttl, q.ttl); ttl == forever {
		return forever
	}
	return q.vhost.now() + ttl
}

// pump delivers what can be delivered.
func (q *queue) pump() {
	if q.singleActive && q.active == nil {
		q.succeed()
	}
	for q.expire(); q.ready.len() > 0; q.expire() {
		c := q.rota.next()
		if c == nil {
			q.watchHead()
			return
		}
		c.take(q.ready.pop())
	}
}

// enlist adds a consumer. What there is for it, it gets by pump.
func (q *queue) enlist(c *consumer) {
	q.consumers = append(q.consumers, c)
	if !q.singleActive {
		q.rota.add(c)
	}
	q.touch()
}

// dismiss removes a consumer for good. The next pump finds who takes over from the active
// one: by then what that one held is back in its place.
func (q *queue) dismiss(c *consumer) {
	i := slices.Index(q.consumers, c)
	q.consumers = slices.Delete(q.consumers, i, i+1)
	q.rota.remove(c, q.consumers)
	if q.exclusive == c {
		q.exclusive = nil
	}
	if len(q.consumers) == 0 && q.autoDelete && !q.removed {
		q.remove()
	}
	if q.active == c {
		q.active = nil
	}
	q.touch()
}

// succeed activates the first of the consumers that have the highest priority, if any.
func (q *queue) succeed() {
	for _, c := range q.consumers {
		if q.active == nil || c.priority > q.active.priority {
			q.active = c
		}
	}
	if q.active != nil {
		q.rota.add(q.active)
	}
}

// putBack returns a message that was delivered to its place; in a quorum queue, behind
// those that were returned before, and not once too often.
func (q *queue) putBack(e entry) {
	q.unsettled--
	e.redelivered = true
	e.returns++
	switch {
	case q.removed:
		q.discard(e)
	case !q.quorum:
		q.ready.putBack(e)
		q.trim()
	case q.maxReturns >= 0 && int64(e.returns) > q.maxReturns:
		q.kill(e, deliveryLimit)
	default:
		q.ready.putLast(e)
		q.trim()
	}
}

// dress returns the properties with which a message is delivered: a quorum queue says
// how often it was before; of the first time it speaks only when it is asked for it.
func (q *queue) dress(e entry, asked bool) frame.Properties {
	p := e.message.properties()
	if !q.quorum || e.returns == 0 && !asked {
		return p
	}
	return p.WithTable(withField(p.Table(), "x-delivery-count", int64(e.returns)))
}

// String names the queue as RabbitMQ does.
func (q *queue) String() string { return fmt.Sprintf("queue '%s' in vhost '%s'", q.name, q.vhost.name) }

// discard lets go of a message that left the queue.
func (q *queue) discard(e entry) { e.message.release(q.vhost.alarm) }

// kill lets go of a message that left the queue as nobody wished.
func (q *queue) kill(e entry, reason string) {
	q.mourn(e.message, reason)
	q.discard(e)
}

// mourn sees to it that a message is dead-lettered.
func (q *queue) mourn(m *message, reason string) {
	if q.hasDeadExchange && !q.removed {
		q.vhost.dead = append(q.vhost.dead, death{message: m, queue: q, reason: reason})
	}
}

// purge drops the ready messages.
func (q *queue) purge() int {
	n := q.ready.len()
	for q.ready.len() > 0 {
		q.discard(q.ready.pop())
	}
	q.ready.lanes = nil
	return n
}

// remove deletes the queue: its consumers are told, its bindings go, and with them
// exchanges that live by them.
func (q *queue) remove() {
	q.removed = true
	delete(q.vhost.queues, q.name)
	delete(q.vhost.replies, q.name)
	q.stopTimers()
	q.unbindAll()
	for _, c := range slices.Clone(q.consumers) {
		c.revoke()
	}
	q.purge()
}

// expire ends what has expired at the head. Behind a message that lives longer, an
// expired one stays until it gets there, as in RabbitMQ's classic queues.
func (q *queue) expire() {
	for q.ready.len() > 0 {
		if e := q.ready.peek(); e.expires == forever || q.vhost.now() < e.expires {
			return
		}
		q.kill(q.ready.pop(), expired)
	}
}

// trim drops messages from the head while the queue is longer than it may be.
func (q *queue) trim() {
	if q.overflow != dropHead {
		return
	}
	for q.isOver(q.ready.count, q.ready.bytes) && q.ready.len() > 0 {
		q.kill(q.ready.pop(), maxlen)
	}
}

// watchHead sees to it that the first message expires in time though nobody asks for it.
func (q *queue) watchHead() {
	expires := q.ready.peek().expires
	if expires == forever {
		return
	}
	if q.head != nil {
		if expires >= q.headAt {
			return // it looks again then
		}
		q.head.Stop()
	}
	var head *time.Timer
	head = time.AfterFunc(expires-q.vhost.now(), func() {
		q.vhost.lock()
		defer q.vhost.unlock()
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
		q.vhost.lock()
		defer q.vhost.unlock()
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
