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

	ready          backlog
	unsettled      int // delivered and not acknowledged
	unsettledBytes int // of their bodies
	limbo          limbo

	consumers []*consumer // in the order in which they were added
	rota      rota        // the consumers that can take a message
	exclusive *consumer   // the exclusive consumer
	active    *consumer   // of a queue with a single active consumer

	head   *time.Timer   // fires when the first message expires
	headAt time.Duration // when head fires, since the vhost was created
	idle   *time.Timer   // fires when the queue expires
}

func newQueue(v *vhost, name string, s settings) *queue {
	q := &queue{name: name, settings: s}
	q.destination = destination{vhost: v, queue: q}
	return q
}

// push adds a new message, or delivers it immediately, so even a message with a time to live of 0
// ms can arrive. It returns false if the queue refuses the message.
func (q *queue) push(m *message, ttl time.Duration) bool {
	if q.removed { // between routing and commit of a transaction
		return true
	}
	if q.overflow != dropHead && q.isFull(m) {
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

// isFull reports whether the queue would be over its limits with one more message. A quorum queue
// accepts the message that exceeds them, and counts messages that are not yet dead-lettered.
func (q *queue) isFull(m *message) bool {
	if q.quorum {
		return q.isOver(q.ready.count+q.limbo.len(), q.ready.bytes+q.limbo.bytes)
	}
	return q.isOver(q.ready.count+1, q.ready.bytes+m.size())
}

// expiry returns when a message that arrives now with the time to live ttl expires.
func (q *queue) expiry(ttl time.Duration) time.Duration {
	if ttl = min(ttl, q.ttl); ttl == forever {
		return forever
	}
	return q.vhost.now() + ttl
}

// pump delivers as many messages as consumers can take.
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

// enlist adds a consumer. The caller must pump afterwards.
func (q *queue) enlist(c *consumer) {
	q.consumers = append(q.consumers, c)
	if !q.singleActive {
		q.rota.add(c)
	}
	q.touch()
}

// dismiss removes the consumers that have stopped, all at once because a client may cancel a great
// many together. If the active one is among them, the next pump activates another; the messages of
// the old one are requeued before that.
func (q *queue) dismiss() {
	q.consumers = slices.DeleteFunc(q.consumers, (*consumer).isStopped)
	q.rota.removeStopped()
	if q.exclusive != nil && q.exclusive.stopped {
		q.exclusive = nil
	}
	if len(q.consumers) == 0 && q.autoDelete && !q.removed {
		q.remove()
	}
	if q.active != nil && q.active.stopped {
		q.active = nil
	}
	q.touch()
}

// succeed activates the first consumer of the highest priority.
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

// settle updates the counts for a delivered message that has been settled.
func (q *queue) settle(e entry) {
	q.unsettled--
	q.unsettledBytes -= e.message.size()
}

// putBack returns a delivered message to its position. A quorum queue puts it after those returned
// earlier, and dead-letters it once it exceeds the delivery limit.
func (q *queue) putBack(e entry) {
	q.settle(e)
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

// dress returns the properties with which a message is delivered. A quorum queue adds the number of
// earlier deliveries; at the first delivery, only if asked is set.
func (q *queue) dress(e entry, asked bool) frame.Properties {
	p := e.message.properties()
	if !q.quorum || e.returns == 0 && !asked {
		return p
	}
	return p.WithTable(withField(p.Table(), "x-delivery-count", int64(e.returns)))
}

// String returns RabbitMQ's name for the queue.
func (q *queue) String() string { return fmt.Sprintf("queue '%s' in vhost '%s'", q.name, q.vhost.name) }

// discard releases a message that has left the queue.
func (q *queue) discard(e entry) { e.message.release(q.vhost.alarm) }

// kill dead-letters and releases a message that has left the queue. With the strategy
// at-least-once, it releases the message when it has arrived.
func (q *queue) kill(e entry, reason string) {
	if q.keepsDead() && !q.removed {
		q.limbo.add(q, e, reason)
		return
	}
	q.mourn(e.message, reason)
	q.discard(e)
}

// mourn schedules a message for dead-lettering, if the queue has a dead-letter exchange.
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

// remove deletes the queue. It ends the queue's consumers, removes its bindings, and deletes
// auto-delete exchanges that have no other binding.
func (q *queue) remove() {
	if q.removed {
		return
	}
	q.removed = true
	q.vhost.alarm.addObject(-q.memory())
	delete(q.vhost.queues, q.name)
	delete(q.vhost.replies, q.name)
	q.stopTimers()
	q.limbo.end(q)
	q.unbindAll()
	revoked := slices.Clone(q.consumers)
	for _, c := range revoked {
		c.stop()
	}
	q.dismiss()
	for _, c := range revoked {
		c.revoke()
	}
	q.purge()
}

// expire removes expired messages from the head. An expired message behind one that has not expired
// stays, as in RabbitMQ's classic queues.
func (q *queue) expire() {
	for q.ready.len() > 0 {
		if e := q.ready.peek(); e.expires == forever || q.vhost.now() < e.expires {
			return
		}
		q.kill(q.ready.pop(), expired)
	}
}

// trim drops messages from the head while the queue exceeds its limits.
func (q *queue) trim() {
	if q.overflow != dropHead {
		return
	}
	for q.isOver(q.ready.count, q.ready.bytes) && q.ready.len() > 0 {
		q.kill(q.ready.pop(), maxlen)
	}
}

// watchHead starts the timer for the expiry of the first message.
func (q *queue) watchHead() {
	expires := q.ready.peek().expires
	if expires == forever {
		return
	}
	if q.head != nil {
		if expires >= q.headAt {
			return // the timer checks again when it fires
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

// touch restarts the queue's x-expires timer when the queue is used.
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
