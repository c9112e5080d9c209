package broker

import (
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

func (ch *channel) declareExchange(m *frame.ExchangeDeclare) error {
	name := m.Exchange
	ex := ch.vhost.exchanges[name]
	if name != "" && !m.Passive {
		if err := ch.onExchange(name, mayConfigure); err != nil {
			return err
		}
	}
	switch {
	case name == "":
		return errDefaultExchange()
	case ex == nil && m.Passive:
		return ch.vhost.notFound("exchange", name)
	case m.Passive:
	case ex != nil:
		of := fmt.Sprintf("exchange '%s' in vhost '%s'", name, ch.vhost.name)
		if err := firstError(
			sameText(of, "type", m.Type, ex.kind),
			sameFlag(of, "durable", m.Durable, ex.durable),
			sameFlag(of, "auto_delete", m.AutoDelete, ex.autoDelete),
			sameFlag(of, "internal", m.Internal, ex.internal),
			sameArguments(of, m.Arguments, ex.arguments, exchangeArguments),
		); err != nil {
			return err
		}
	case strings.HasPrefix(name, "amq."):
		return exceptionf(codeAccessRefused, "exchange name '%s' contains reserved prefix 'amq.*'", name)
	default:
		if err := ch.newExchange(m); err != nil {
			return err
		}
	}
	return ch.answer(m.NoWait, &frame.ExchangeDeclareOk{})
}

func (ch *channel) newExchange(m *frame.ExchangeDeclare) error {
	if err := ch.vhost.alarm.checkObjects(); err != nil {
		return err
	}
	ex := newExchange(ch.vhost, m.Exchange, m.Type)
	if ex == nil {
		return exceptionf(codeCommandInvalid, "unknown exchange type '%s'", m.Type)
	}
	if value, present := m.Arguments.Get("alternate-exchange"); present {
		var isString bool
		if ex.alternate, isString = value.(string); !isString {
			return exceptionf(codePreconditionFailed, "invalid type '%s' for arg 'alternate-exchange' in exchange '%s' in vhost '%s'",
				typeName(value), m.Exchange, ch.vhost.name)
		}
		if err := firstError(ch.onExchange(m.Exchange, mayRead), ch.onExchange(ex.alternate, mayWrite)); err != nil {
			return err
		}
	}
	ex.durable, ex.autoDelete, ex.internal, ex.arguments = m.Durable, m.AutoDelete, m.Internal, m.Arguments
	ex.user = ch.conn.user
	ch.vhost.exchanges[ex.name] = ex
	ch.vhost.alarm.addObject(ex.memory())
	return nil
}

func (ch *channel) deleteExchange(m *frame.ExchangeDelete) error {
	name := m.Exchange
	ex := ch.vhost.exchanges[name]
	denied := ch.onExchange(name, mayConfigure)
	switch {
	case name == "":
		return errDefaultExchange()
	case denied != nil && !strings.HasPrefix(name, "amq."):
		return denied
	case strings.HasPrefix(name, "amq."):
		return exceptionf(codeAccessRefused, "deletion of system exchange '%s' in vhost '%s' not allowed", name, ch.vhost.name)
	case ex == nil: // RabbitMQ accepts this
	case m.IfUnused && ex.bindings > 0:
		return exceptionf(codePreconditionFailed, "exchange '%s' in vhost '%s' in use", name, ch.vhost.name)
	default:
		ex.remove()
	}
	return ch.answer(m.NoWait, &frame.ExchangeDeleteOk{})
}

func errDefaultExchange() error {
	return exceptionf(codeAccessRefused, "operation not permitted on the default exchange")
}
