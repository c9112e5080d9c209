package broker

import (
	"cmp"

	"github.com/gomeko/gomeko/internal/frame"
)

func (ch *channel) bind(m *frame.QueueBind) error {
	q, b, err := ch.queueBinding(m.Queue, m.Exchange, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := checkBinding(b, m.Arguments); err != nil {
		return err
	}
	q.bind(b)
	return ch.answer(m.NoWait, &frame.QueueBindOk{})
}

func (ch *channel) unbind(m *frame.QueueUnbind) error {
	q, b, err := ch.queueBinding(m.Queue, m.Exchange, m.RoutingKey, m.Arguments)
	switch {
	case isNotFound(err) && (m.Queue != "" || ch.lastQueue != ""): // RabbitMQ accepts this
	case err != nil:
		return err
	default:
		q.unbind(b)
	}
	return ch.answer(false, &frame.QueueUnbindOk{})
}

func (ch *channel) bindExchange(m *frame.ExchangeBind) error {
	ex, b, err := ch.exchangeBinding(m.Destination, m.Source, m.RoutingKey, m.Arguments)
	if err != nil {
		return err
	}
	if err := checkBinding(b, m.Arguments); err != nil {
		return err
	}
	ex.bind(b)
	return ch.answer(m.NoWait, &frame.ExchangeBindOk{})
}

func (ch *channel) unbindExchange(m *frame.ExchangeUnbind) error {
	ex, b, err := ch.exchangeBinding(m.Destination, m.Source, m.RoutingKey, m.Arguments)
	switch {
	case isNotFound(err): // RabbitMQ accepts this
	case err != nil:
		return err
	default:
		ex.unbind(b)
	}
	return ch.answer(m.NoWait, &frame.ExchangeUnbindOk{})
}

func (ch *channel) queueBinding(queue, source, key string, arguments frame.Table) (*queue, binding, error) {
	if name := cmp.Or(queue, ch.lastQueue); name != "" {
		if err := ch.onQueue(name, mayWrite); err != nil {
			return nil, binding{}, err
		}
	}
	if source == "" {
		return nil, binding{}, errDefaultExchange()
	}
	if err := ch.onExchange(source, mayRead); err != nil {
		return nil, binding{}, err
	}
	q, err := ch.queue(queue)
	if err != nil {
		return nil, binding{}, err
	}
	ex := ch.vhost.exchanges[source]
	if ex == nil {
		return nil, binding{}, ch.vhost.notFound("exchange", source)
	}
	if queue == "" && key == "" {
		key = q.name
	}
	return q, binding{source: ex, key: key, arguments: canonical(arguments)}, nil
}

func (ch *channel) exchangeBinding(destination, source, key string, arguments frame.Table) (*exchange, binding, error) {
	if err := ch.onExchange(destination, mayWrite); err != nil {
		return nil, binding{}, err
	}
	if destination == "" || source == "" {
		return nil, binding{}, errDefaultExchange()
	}
	if err := ch.onExchange(source, mayRead); err != nil {
		return nil, binding{}, err
	}
	for _, name := range []string{source, destination} {
		if ch.vhost.exchanges[name] == nil {
			return nil, binding{}, ch.vhost.notFound("exchange", name)
		}
	}
	b := binding{source: ch.vhost.exchanges[source], key: key, arguments: canonical(arguments)}
	return ch.vhost.exchanges[destination], b, nil
}

func checkBinding(b binding, arguments frame.Table) error {
	if err := b.source.vhost.alarm.checkObjects(); err != nil {
		return err
	}
	if b.source.kind != "headers" {
		return nil
	}
	return checkMatch(arguments)
}
