package broker

import (
	"github.com/gomeko/gomeko/internal/frame"
)

// A consumer is who takes the messages of a queue on a channel.
type consumer struct {
	channel  *channel
	queue    *queue
	tag      string
	noAck    bool
	prefetch int // limit of held, 0 for none
	held     int // deliveries not acknowledged yet
	parked   bool
	stopped  bool
}

// ready reports whether the consumer may be handed a message.
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
	ch.out.content(ch.id, &ch.deliver, e.message)
	if !c.noAck {
		c.held++
		ch.held++
		ch.unsettled.add(&delivery{tag: ch.tag, entry: e, queue: c.queue, consumer: c})
	}
}

// wake lets the consumer go on if it was left out.
func (c *consumer) wake() {
	if c.parked && !c.stopped {
		c.queue.admit(c)
		c.queue.pump()
	}
}

// stop ends the consumer. What it holds stays its channel's.
func (c *consumer) stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	delete(c.channel.consumers, c.tag)
	c.queue.dismiss(c)
}

// revoke ends the consumer because its queue is gone, and tells the client if it
// wants to know.
func (c *consumer) revoke() {
	c.stop()
	if can, _ := c.channel.conn.capabilities.Get("consumer_cancel_notify"); can == true {
		c.channel.send(&frame.BasicCancel{ConsumerTag: c.tag, NoWait: true})
	}
}

// wake lets all consumers of the channel go on.
func (ch *channel) wake() {
	for _, c := range ch.consumers {
		c.wake()
	}
}

func (ch *channel) consume(m *frame.BasicConsume) error {
	q, err := ch.queue(m.Queue)
	if err != nil {
		return err
	}
	tag := m.ConsumerTag
	if tag == "" {
		tag = randomName("amq.ctag-")
	}
	if ch.consumers[tag] != nil {
		return exceptionf(codeNotAllowed, "attempt to reuse consumer tag '%s'", tag)
	}
	if q.exclusive != nil || m.Exclusive && len(q.consumers) > 0 {
		return exceptionf(codeAccessRefused, "queue '%s' in vhost '%s' in exclusive use", q.name, ch.vhost.name)
	}
	c := &consumer{channel: ch, queue: q, tag: tag, noAck: m.NoAck, prefetch: ch.prefetch}
	ch.consumers[tag] = c
	if m.Exclusive {
		q.exclusive = c
	}
	q.enlist(c)
	ch.answer(m.NoWait, &frame.BasicConsumeOk{ConsumerTag: tag})
	q.pump()
	return nil
}

func (ch *channel) cancel(m *frame.BasicCancel) error {
	if c := ch.consumers[m.ConsumerTag]; c != nil {
		c.stop()
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
	q, err := ch.queue(m.Queue)
	if err != nil {
		return err
	}
	q.touch()
	if q.expire(); q.ready.len() == 0 {
		return ch.answer(false, &frame.BasicGetEmpty{})
	}
	e := q.ready.pop()
	ch.tag++
	ch.out.content(ch.id, &frame.BasicGetOk{
		DeliveryTag: ch.tag, Redelivered: e.redelivered,
		Exchange: e.message.exchange, RoutingKey: e.message.key, MessageCount: uint32(q.ready.len()),
	}, e.message)
	if !m.NoAck {
		ch.unsettled.add(&delivery{tag: ch.tag, entry: e, queue: q})
	}
	return nil
}
