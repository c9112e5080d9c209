package broker

import (
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// Direct reply-to: a client consumes from replyTo without acknowledgements, and sends that name as
// the reply-to of its requests. The broker replaces it with a name for the client's channel, which
// is valid while the channel is open. The new name is that of a queue that only the default
// exchange finds.
const (
	replyTo     = "amq.rabbitmq.reply-to"
	replyPrefix = replyTo + "."
)

// consumeReplies creates the channel's queue for replies.
func (ch *channel) consumeReplies(m *frame.BasicConsume) error {
	switch {
	case !m.NoAck:
		return exceptionf(codePreconditionFailed, "reply consumer cannot acknowledge")
	case ch.replies != nil && !ch.replies.removed:
		return exceptionf(codePreconditionFailed, "reply consumer already set")
	case ch.consumers[m.ConsumerTag] != nil:
		return exceptionf(codeNotAllowed, "attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	if err := ch.vhost.alarm.checkObjects(); err != nil {
		return err
	}
	q := newQueue(ch.vhost, randomName(replyPrefix), noSettings)
	ch.vhost.alarm.addObject(q.memory())
	q.autoDelete = true
	ch.replies = q
	ch.vhost.replies[q.name] = q
	c := ch.newConsumer(q, m)
	q.enlist(c)
	return ch.answer(m.NoWait, &frame.BasicConsumeOk{ConsumerTag: c.tag})
}

// isReplyTo reports whether the name is used for direct reply-to. Clients declare such a name to
// ask whether the channel still consumes replies.
func isReplyTo(name string) bool { return name == replyTo || strings.HasPrefix(name, replyPrefix) }

// declareReplies answers the declaration of a direct reply-to name.
func (ch *channel) declareReplies(m *frame.QueueDeclare) error {
	if m.Queue != replyTo && ch.vhost.replies[m.Queue] == nil {
		return ch.vhost.notFound("queue", m.Queue)
	}
	return ch.answer(m.NoWait, &frame.QueueDeclareOk{Queue: m.Queue, ConsumerCount: 1})
}
