package broker

import "github.com/gomeko/gomeko/internal/frame"

// A delivery is a message that a client holds until it settles it: by an ack, a nack, a
// reject, or by its end.
type delivery struct {
	tag      uint64
	entry    entry
	queue    *queue
	consumer *consumer // nil: of a basic.get

	previous, next *delivery
}

// deliveries are those of a channel, by tag and in the order of their tags.
type deliveries struct {
	byTag map[uint64]*delivery
	ends  *delivery // its next is the first, its previous the last
}

func newDeliveries() deliveries {
	ends := new(delivery)
	ends.previous, ends.next = ends, ends
	return deliveries{byTag: make(map[uint64]*delivery), ends: ends}
}

func (l *deliveries) add(d *delivery) {
	l.restore(d)
	d.queue.unsettled++
}

// restore adds a delivery that was removed; those of higher tags have to follow.
func (l *deliveries) restore(d *delivery) {
	d.previous, d.next = l.ends.previous, l.ends
	d.previous.next, d.next.previous = d, d
	l.byTag[d.tag] = d
}

func (l *deliveries) remove(d *delivery) {
	d.previous.next, d.next.previous = d.next, d.previous
	delete(l.byTag, d.tag)
}

// take removes what a client settles, in order, and reports false if there is no such
// delivery. Tag 0 with multiple means all.
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

// A settlement is deliveries that were taken, and what becomes of them.
type settlement struct {
	taken []*delivery
	do    func(*channel, []*delivery)
}

// settle does it, at once or when the transaction is committed.
func (ch *channel) settle(s settlement) {
	if ch.tx != nil {
		ch.tx.settlements = append(ch.tx.settlements, s)
		return
	}
	s.do(ch, s.taken)
}

// drop ends deliveries whose messages are done with.
func (ch *channel) drop(taken []*delivery) {
	for _, d := range taken {
		d.queue.unsettled--
		d.queue.discard(d.entry)
		ch.letGo(d)
	}
	ch.goOn(taken)
}

// reject ends deliveries whose messages nobody wants.
func (ch *channel) reject(taken []*delivery) {
	for _, d := range taken {
		d.queue.unsettled--
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

// letGo counts a delivery as no longer held.
func (ch *channel) letGo(d *delivery) {
	if d.consumer != nil {
		d.consumer.held--
		ch.held--
	}
}

// goOn wakes the consumers that were waiting for deliveries to be settled.
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
