package broker

import (
	"context"
	"log/slog"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/frame"
)

// A channel is a channel of a connection. The reader of its connection handles its frames, and the
// readers of other connections deliver to it. The vhost's mutex guards it, except for the
// publishing that is being read and the parked frames.
type channel struct {
	conn  *conn
	vhost *vhost
	out   *outbox
	id    uint16

	closing    bool // a channel.close was sent
	lastQueue  string
	publishing publishing
	parking    parking

	confirming bool   // confirm.select was sent
	published  uint64 // publishings since then
	confirmed  uint64 // how many of published are confirmed

	prefetch  int                  // of future consumers
	limit     int                  // of all consumers of the channel together
	tag       uint64               // of the last delivery
	unsettled deliveries           // not acknowledged yet
	held      int                  // how many of unsettled consumers hold
	consumers map[string]*consumer // by tag
	replies   *queue               // for direct reply-to; nil until it is consumed
	tx        *transaction         // nil if the channel is not transactional
	deliver   frame.BasicDeliver   // scratch
}

func newChannel(c *conn, id uint16) *channel {
	return &channel{
		conn: c, vhost: c.vhost, out: c.out, id: id,
		unsettled: newDeliveries(&c.holding),
		consumers: make(map[string]*consumer),
	}
}

// handle handles a frame. m is the frame's method, or nil if it is not a method frame.
func (ch *channel) handle(f frame.Frame, m frame.Method) error {
	if ch.closing {
		return ch.handleClosing(m)
	}
	if ch.publishing.pending {
		return ch.readContent(f)
	}
	if m == nil {
		return exceptionf(codeUnexpectedFrame, "expected method frame, got non method frame instead")
	}
	ch.vhost.lock()
	defer ch.vhost.unlock()
	return ch.handleMethod(m)
}

// handleClosing ignores frames that the client sent before it received the channel.close.
func (ch *channel) handleClosing(m frame.Method) error {
	switch m.(type) {
	case *frame.ChannelClose:
		ch.send(&frame.ChannelCloseOk{})
	case *frame.ChannelCloseOk:
	default:
		return nil
	}
	ch.vhost.lock()
	ch.remove()
	ch.vhost.unlock()
	return nil
}

func (ch *channel) handleMethod(m frame.Method) error {
	switch m := m.(type) {
	case *frame.BasicPublish:
		return ch.publish(m)
	case *frame.BasicAck:
		return ch.ack(m)
	case *frame.BasicNack:
		return ch.nack(m.DeliveryTag, m.Multiple, m.Requeue)
	case *frame.BasicReject:
		return ch.nack(m.DeliveryTag, false, m.Requeue)
	case *frame.BasicGet:
		return ch.get(m)
	case *frame.BasicConsume:
		return ch.consume(m)
	case *frame.BasicCancel:
		return ch.cancel(m)
	case *frame.BasicQos:
		return ch.qos(m)
	case *frame.BasicRecover:
		return ch.recover(m.Requeue, true)
	case *frame.BasicRecoverAsync:
		return ch.recover(m.Requeue, false)
	case *frame.ConfirmSelect:
		if ch.tx != nil {
			return exceptionf(codePreconditionFailed, "cannot switch from tx to confirm mode")
		}
		ch.confirming = true
		return ch.answer(m.NoWait, &frame.ConfirmSelectOk{})
	case *frame.TxSelect:
		return ch.selectTx()
	case *frame.TxCommit:
		return ch.commit()
	case *frame.TxRollback:
		return ch.rollback()
	case *frame.ChannelFlow:
		if !m.Active {
			return exceptionf(codeNotImplemented, "active=false")
		}
		return ch.answer(false, &frame.ChannelFlowOk{Active: true})
	case *frame.ChannelFlowOk:
		return nil
	case *frame.ChannelClose:
		ch.end()
		return nil
	}
	return ch.handleDeclaration(m)
}

// handleDeclaration handles the exchange and queue methods.
func (ch *channel) handleDeclaration(m frame.Method) error {
	switch m := m.(type) {
	case *frame.ExchangeDeclare:
		return ch.declareExchange(m)
	case *frame.ExchangeDelete:
		return ch.deleteExchange(m)
	case *frame.ExchangeBind:
		return ch.bindExchange(m)
	case *frame.ExchangeUnbind:
		return ch.unbindExchange(m)
	case *frame.QueueDeclare:
		return ch.declareQueue(m)
	case *frame.QueueBind:
		return ch.bind(m)
	case *frame.QueueUnbind:
		return ch.unbind(m)
	case *frame.QueuePurge:
		return ch.purge(m)
	case *frame.QueueDelete:
		return ch.deleteQueue(m)
	}
	return exceptionf(codeCommandInvalid, "unimplemented method")
}

// send sends a method to the client.
func (ch *channel) send(m frame.Method) { ch.out.method(ch.id, m) }

// answer sends the answer to a method unless noWait is set.
func (ch *channel) answer(noWait bool, m frame.Method) error {
	if !noWait {
		ch.send(m)
	}
	return nil
}

// end closes the channel at the client's request.
func (ch *channel) end() {
	ch.confirmPublished()
	release(ch)
	ch.remove()
	ch.send(&frame.ChannelCloseOk{})
}

// remove removes the channel from its connection.
func (ch *channel) remove() {
	delete(ch.conn.channels, ch.id)
	ch.conn.account.channels.Add(-1)
	ch.vhost.alarm.addObject(-channelMemory)
}

// fail closes the channel because of an error of the client.
func (ch *channel) fail(e *exception) {
	level := slog.LevelWarn
	if e.answersQuestion() {
		level = slog.LevelDebug
	}
	ch.conn.log.Log(context.Background(), level, "closing a channel",
		"channel", ch.id, "reply", clip.Text(e.text, clip.Log), "method", e.method)
	ch.confirmPublished()
	ch.admit()
	ch.vhost.lock()
	defer ch.vhost.unlock()
	release(ch)
	ch.closing = true
	ch.send(&frame.ChannelClose{
		ReplyCode: e.code, ReplyText: e.text,
		ClassID: e.method.Class(), MethodID: e.method.Method(),
	})
}

// release ends the consumers of channels and requeues their unacknowledged messages.
func release(channels ...*channel) {
	left := map[*queue]bool{}
	// All consumers end before messages are requeued, so none of them receives these messages
	// again.
	for _, ch := range channels {
		for _, c := range ch.consumers {
			c.stop()
			left[c.queue] = true
		}
	}
	for q := range left {
		q.dismiss()
	}
	for _, ch := range channels {
		ch.undo()
		ch.requeue(ch.unsettled.takeAll())
		ch.publishing.drop(ch.vhost.alarm)
		ch.dropParked()
	}
	for q := range left {
		q.pump()
	}
}
