package broker

import (
	"sync/atomic"

	"github.com/gomeko/gomeko/internal/frame"
)

// A delivery is a message that a client holds until the client acknowledges or rejects it, or its
// channel ends.
type delivery struct {
	tag      uint64
	entry    entry
	queue    *queue
	consumer *consumer // nil for basic.get

	previous, next *delivery
}

// deliveries holds the unsettled deliveries of a channel, by tag and in the order of their tags.
type deliveries struct {
	byTag   map[uint64]*delivery
	ends    *delivery     // its next is the first, its previous the last
	holding *atomic.Int64 // the connection's
	most    int           // the largest number of deliveries since byTag was made
}

func newDeliveries(holding *atomic.Int64) deliveries {
	ends := new(delivery)
	ends.previous, ends.next = ends, ends
	return deliveries{byTag: make(map[uint64]*delivery), ends: ends, holding: holding}
}

func (l *deliveries) add(d *delivery) {
	l.restore(d)
	d.queue.unsettled++
	d.queue.unsettledBytes += d.entry.message.size()
	l.holding.Add(d.entry.message.memory())
}

// restore adds a removed delivery back. Several must be restored in the order of their tags.
func (l *deliveries) restore(d *delivery) {
	d.previous, d.next = l.ends.previous, l.ends
	d.previous.next, d.next.previous = d, d
	l.byTag[d.tag] = d
	l.most = max(l.most, len(l.byTag))
}

func (l *deliveries) remove(d *delivery) {
	d.previous.next, d.next.previous = d.next, d.previous
	delete(l.byTag, d.tag)
	if len(l.byTag) == 0 && l.most > 1024 { // a map does not shrink
		l.byTag, l.most = make(map[uint64]*delivery), 0
	}
}

// take removes the deliveries that a client settles and returns them in order. It returns false if
// the tag is unknown. Tag 0 with multiple means all of them.
func (l *deliveries) take(tag uint64, multiple bool) ([]*delivery, bool) {
	if multiple && tag == 0 {
		return l.takeAll(), true
	}
	last := l.byTag[tag]
	if last == nil {
		return nil, false
	}
	if !multiple {
		l.remove(last)
		return []*delivery{last}, true
	}
	var taken []*delivery
	for d := l.ends.next; ; d = d.next {
		taken = append(taken, d)
		l.remove(d)
		if d == last {
			return taken, true
		}
	}
}

func (l *deliveries) takeAll() []*delivery {
	var taken []*delivery
	for d := l.ends.next; d != l.ends; d = d.next {
		taken = append(taken, d)
		l.remove(d)
	}
	return taken
}

func (ch *channel) ack(m *frame.BasicAck) error {
	taken, ok := ch.unsettled.take(m.DeliveryTag, m.Multiple)
	if !ok {
		return unknownTag(m.DeliveryTag)
	}
	ch.settle(settlement{taken, (*channel).drop})
	return nil
}

func (ch *channel) nack(tag uint64, multiple, requeue bool) error {
	taken, ok := ch.unsettled.take(tag, multiple)
	if !ok {
		return unknownTag(tag)
	}
	if requeue {
		ch.settle(settlement{taken, (*channel).requeue})
	} else {
		ch.settle(settlement{taken, (*channel).reject})
	}
	return nil
}

func (ch *channel) recover(requeue, answer bool) error {
	if !requeue {
		return exceptionf(codeNotImplemented, "requeue=false")
	}
	ch.requeue(ch.unsettled.takeAll())
	return ch.answer(!answer, &frame.BasicRecoverOk{})
}

// A settlement is a set of taken deliveries, and how they are settled.
type settlement struct {
	taken []*delivery
	do    func(*channel, []*delivery)
}

// settle settles the deliveries, or keeps s until the transaction is committed.
func (ch *channel) settle(s settlement) {
	if len(s.taken) == 0 {
		return
	}
	if ch.tx != nil {
		ch.tx.settlements = append(ch.tx.settlements, s)
		return
	}
	s.do(ch, s.taken)
}

// drop ends deliveries and releases their messages.
func (ch *channel) drop(taken []*delivery) {
	for _, d := range taken {
		d.queue.settle(d.entry)
		d.queue.discard(d.entry)
		ch.letGo(d)
	}
	ch.goOn(taken)
}

// reject ends deliveries and dead-letters their messages.
func (ch *channel) reject(taken []*delivery) {
	for _, d := range taken {
		d.queue.settle(d.entry)
		d.queue.kill(d.entry, rejected)
		ch.letGo(d)
	}
	ch.goOn(taken)
}

// requeue puts deliveries back into their queues.
func (ch *channel) requeue(taken []*delivery) {
	for _, d := range taken {
		d.queue.putBack(d.entry)
		ch.letGo(d)
	}
	ch.goOn(taken)
	for _, d := range taken {
		if !d.queue.removed {
			d.queue.pump()
		}
	}
}

// letGo subtracts a delivery from the counts of held messages.
func (ch *channel) letGo(d *delivery) {
	n := d.entry.message.memory()
	ch.conn.holding.Add(-n)
	ch.conn.borrowed = max(ch.conn.borrowed-n, 0)
	if d.consumer != nil {
		d.consumer.held--
		ch.held--
	}
}

// goOn wakes the consumers that had reached their prefetch limit.
func (ch *channel) goOn(settled []*delivery) {
	if ch.limit > 0 {
		ch.wake()
		return
	}
	for _, d := range settled {
		if d.consumer != nil {
			d.consumer.wake()
		}
	}
}

func unknownTag(tag uint64) error {
	return exceptionf(codePreconditionFailed, "unknown delivery tag %d", tag)
}
