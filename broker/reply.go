package broker

import (
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

// Direct reply-to: a client consumes from the name replyTo, without acknowledgements,
// and gives the same name as the reply-to of its requests. There it is replaced by a
// name that leads to its channel, for as long as the channel lives. Behind it is a queue
// that only publishings to the default exchange find.
const (
	replyTo     = "amq.rabbitmq.reply-to"
	replyPrefix = replyTo + "."
)

// consumeReplies makes the channel's queue of replies.
func (ch *channel) consumeReplies(m *frame.BasicConsume) error {
	switch {
	case !m.NoAck:
		return exceptionf(codePreconditionFailed, "reply consumer cannot acknowledge")
	case ch.replies != nil && !ch.replies.removed:
		return exceptionf(codePreconditionFailed, "reply consumer already set")
	case ch.consumers[m.ConsumerTag] != nil:
		return exceptionf(codeNotAllowed, "attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	q := newQueue(ch.vhost, randomName(replyPrefix), noSettings)
	q.autoDelete = true
	ch.replies = q
	ch.vhost.replies[q.name] = q
	c := ch.newConsumer(q, m)
	q.enlist(c)
	return ch.answer(m.NoWait, &frame.BasicConsumeOk{ConsumerTag: c.tag})
}

// isReplyTo reports whether a declaration is the question whether replies arrive.
func isReplyTo(name string) bool { return name == replyTo || strings.HasPrefix(name, replyPrefix) }

// declareReplies answers it, as if it declared a queue.
func (ch *channel) declareReplies(m *frame.QueueDeclare) error {
	if m.Queue != replyTo && ch.vhost.replies[m.Queue] == nil {
		return ch.vhost.notFound("queue", m.Queue)
	}
	return ch.answer(m.NoWait, &frame.QueueDeclareOk{Queue: m.Queue, ConsumerCount: 1})
}
