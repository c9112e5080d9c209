package broker

import (
	"github.com/gomeko/gomeko/internal/frame"
)

// A consumer receives the messages of a queue on a channel.
type consumer struct {
	channel   *channel
	queue     *queue
	tag       string
	noAck     bool
	arguments frame.Table
	priority  int64
	prefetch  int // limit of held; 0 is none
	held      int // deliveries not acknowledged yet
	parked    bool
	stopped   bool
}

// ready reports whether the consumer can take a message.
func (c *consumer) ready() bool {
	if !c.noAck {
		if c.prefetch > 0 && c.held >= c.prefetch {
			return false
		}
		if limit := c.channel.limit; limit > 0 && c.channel.held >= limit {
			return false
		}
	}
	return c.channel.out.hasRoom()
}

// take delivers a message.
func (c *consumer) take(e entry) {
	ch := c.channel
	ch.tag++
	ch.deliver = frame.BasicDeliver{
		ConsumerTag: c.tag, DeliveryTag: ch.tag, Redelivered: e.redelivered,
		Exchange: e.message.exchange, RoutingKey: e.message.key,
	}
	ch.out.content(ch.id, &ch.deliver, e.message, c.queue.dress(e, false))
	if c.noAck {
		c.queue.discard(e)
		return
	}
	c.held++
	ch.held++
	ch.unsettled.add(&delivery{tag: ch.tag, entry: e, queue: c.queue, consumer: c})
}

// wake puts a parked consumer back into its queue's rota.
func (c *consumer) wake() {
	if c.parked && !c.stopped {
		c.queue.rota.add(c)
		c.queue.pump()
	}
}

// stop ends the consumer. Its channel keeps its unacknowledged messages. The caller must then call
// the queue's dismiss, and pump afterwards.
func (c *consumer) stop() {
	c.stopped = true
	delete(c.channel.consumers, c.tag)
	c.queue.vhost.alarm.addObject(-c.memory())
}

func (c *consumer) isStopped() bool { return c.stopped }

// revoke tells the client that the consumer has ended because its queue was deleted, if the client
// supports this.
func (c *consumer) revoke() {
	if can, _ := c.channel.conn.capabilities.Get("consumer_cancel_notify"); can == true {
		c.channel.send(&frame.BasicCancel{ConsumerTag: c.tag, NoWait: true})
	}
}

// wake wakes all consumers of the channel.
func (ch *channel) wake() {
	for _, c := range ch.consumers {
		c.wake()
	}
}

func (ch *channel) consume(m *frame.BasicConsume) error {
	if m.Queue == replyTo {
		return ch.consumeReplies(m)
	}
	q, err := ch.permitted(m.Queue, mayRead)
	if err == nil {
		err = ch.vhost.alarm.checkObjects()
	}
	if err != nil {
		return err
	}
	if ch.consumers[m.ConsumerTag] != nil {
		return exceptionf(codeNotAllowed, "attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	exclusive := m.Exclusive && !q.quorum // quorum queues do not support them
	if q.exclusive != nil || exclusive && (len(q.consumers) > 0 || q.singleActive) {
		return exceptionf(codeAccessRefused, "%s in exclusive use", q)
	}
	if q.quorum && ch.limit > 0 {
		return exceptionf(codeNotImplemented, "%s does not support global qos", q)
	}
	var priority int64
	if value, ok := m.Arguments.Get("x-priority"); ok {
		var fault string
		if priority, fault = integerArgument(value); fault != "" {
			return exceptionf(codePreconditionFailed, "invalid arg 'x-priority' for %s: %s", q, fault)
		}
	}
	c := ch.newConsumer(q, m)
	c.priority = priority
	if exclusive {
		q.exclusive = c
	}
	q.enlist(c)
	err = ch.answer(m.NoWait, &frame.BasicConsumeOk{ConsumerTag: c.tag})
	q.pump()
	return err
}

// newConsumer adds a consumer to the channel, but not to its queue.
func (ch *channel) newConsumer(q *queue, m *frame.BasicConsume) *consumer {
	c := &consumer{channel: ch, queue: q, tag: m.ConsumerTag, noAck: m.NoAck, arguments: m.Arguments, prefetch: ch.prefetch}
	if c.tag == "" {
		c.tag = randomName("amq.ctag-")
	}
	ch.consumers[c.tag] = c
	ch.vhost.alarm.addObject(c.memory())
	return c
}

func (ch *channel) cancel(m *frame.BasicCancel) error {
	if c := ch.consumers[m.ConsumerTag]; c != nil {
		c.stop()
		c.queue.dismiss()
		c.queue.pump()
	}
	return ch.answer(m.NoWait, &frame.BasicCancelOk{ConsumerTag: m.ConsumerTag})
}

func (ch *channel) qos(m *frame.BasicQos) error {
	if m.PrefetchSize != 0 {
		return exceptionf(codeNotImplemented, "prefetch_size!=0 (%d)", m.PrefetchSize)
	}
	if m.Global {
		ch.conn.log.Warn("RabbitMQ 4 refuses basic.qos with global=true", "channel", ch.id)
		ch.limit = int(m.PrefetchCount)
		ch.wake()
	} else {
		ch.prefetch = int(m.PrefetchCount)
	}
	return ch.answer(false, &frame.BasicQosOk{})
}

func (ch *channel) get(m *frame.BasicGet) error {
	q, err := ch.polled(m.Queue)
	if err != nil {
		return err
	}
	e, ok := ch.take(q, m.NoAck)
	if !ok {
		return ch.answer(false, &frame.BasicGetEmpty{})
	}
	ch.out.content(ch.id, &frame.BasicGetOk{
		DeliveryTag: ch.tag, Redelivered: e.redelivered,
		Exchange: e.message.exchange, RoutingKey: e.message.key, MessageCount: uint32(q.ready.len()),
	}, e.message, q.dress(e, true))
	q.pump() // the message that is now first may expire
	return nil
}

// polled returns a queue for basic.get.
func (ch *channel) polled(name string) (*queue, error) {
	q, err := ch.permitted(name, mayRead)
	if err != nil {
		return nil, err
	}
	if q.quorum && q.singleActive {
		return nil, exceptionf(codeResourceLocked, "cannot obtain access to locked %s. "+
			"basic.get operations are not supported by quorum queues with single active consumer", q)
	}
	q.touch()
	return q, nil
}

// take removes the first message of a queue. Unless noAck is set, the client must settle it. ok is
// false if the queue is empty.
func (ch *channel) take(q *queue, noAck bool) (e entry, ok bool) {
	if q.expire(); q.ready.len() == 0 {
		return e, false
	}
	e = q.ready.pop()
	ch.tag++
	if noAck {
		q.discard(e)
	} else {
		ch.unsettled.add(&delivery{tag: ch.tag, entry: e, queue: q})
	}
	return e, true
}
