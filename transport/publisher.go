package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A publisher is a channel in confirm mode. One goroutine hears returns and confirms, so that a return is known
// before the confirm that follows it.
type publisher struct {
	session *session
	ready   chan struct{} // closed when the channel is open, or is not to be had
	err     error         // why not; read it after ready
	channel *amqp.Channel

	writing chan struct{} // a token is in it while a publishing is written
	wake    chan struct{} // holds a token when pending has a new head
	asks    chan *outgoing
	dead    chan struct{} // closed when the channel has ended

	mu      sync.Mutex
	pending []*outgoing // as written; nothing that is settled at the head
}

// An outgoing is a publishing that is not confirmed yet.
type outgoing struct {
	publisher *publisher
	confirm   *amqp.DeferredConfirmation // nil until written
	settled   func(error)                // nil once called

	// What a basic.return is known by.
	exchange, key, correlationID, messageID string
	mandatory                               bool
}

// publishing returns the session's publisher, and opens its channel if there is none.
func (s *session) publishing(ctx context.Context) (*publisher, error) {
	s.mu.Lock()
	p := s.publisher
	if p == nil || p.isDead() {
		if s.ended {
			s.mu.Unlock()
			return nil, errChannelClosed
		}
		p = &publisher{
			session: s,
			ready:   make(chan struct{}),
			writing: make(chan struct{}, 1),
			wake:    make(chan struct{}, 1),
			asks:    make(chan *outgoing),
			dead:    make(chan struct{}),
		}
		s.publisher = p
		s.wg.Go(p.run)
	}
	s.mu.Unlock()
	select {
	case <-p.ready:
		return p, p.err
	case <-ctx.Done():
		return nil, s.late(ctx)
	}
}

// send writes a publishing. errChannelClosed means that nothing of it was sent.
func (p *publisher) send(ctx context.Context, m *Publishing, message amqp.Publishing, settled func(error)) (*outgoing, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-p.dead:
		return nil, errChannelClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to publish: %w", p.session.late(ctx))
	}
	if !p.session.sock.room(ctx, p.dead) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting to publish: %w", p.session.late(ctx))
		}
		return nil, errChannelClosed
	}
	out := &outgoing{
		publisher: p, settled: settled, mandatory: m.Mandatory,
		exchange: m.Exchange, key: m.Key, correlationID: m.CorrelationID, messageID: m.MessageID,
	}
	p.mu.Lock()
	p.pending = append(p.pending, out) // before it is written, for its return may come at once
	p.mu.Unlock()
	confirm, err := p.channel.PublishWithDeferredConfirm(m.Exchange, m.Key, m.Mandatory, false, message)
	p.mu.Lock()
	if err != nil {
		p.pending = p.pending[:len(p.pending)-1]
	} else {
		out.confirm = confirm
	}
	first := err == nil && p.pending[0] == out
	p.mu.Unlock()
	if err != nil {
		<-p.dead // at hand: a write fails for nothing else
		return nil, errChannelClosed
	}
	if first { // else run waits for one before it
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return out, nil
}

// settle asks for out to be settled now that its confirm has come, and not after those before it.
func (p *publisher) settle(out *outgoing) {
	select {
	case p.asks <- out:
	case <-p.dead:
	}
}

func (p *publisher) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// run is the publisher's goroutine.
func (p *publisher) run() {
	ch, err := p.session.amqp.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		p.err = gone(err, connecting)
		close(p.dead)
		close(p.ready)
		return
	}
	returns := ch.NotifyReturn(make(chan amqp.Return, 64))
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	p.channel = ch
	close(p.ready)
	for {
		head := p.head()
		var confirmed <-chan struct{}
		if head != nil {
			confirmed = head.confirm.Done()
		}
		select {
		case r, ok := <-returns:
			if !ok {
				p.end(<-closes, nil)
				return
			}
			p.returned(r)
			continue
		case <-confirmed:
		case head = <-p.asks:
		case <-p.wake:
			continue
		case err := <-closes:
			p.end(err, returns)
			return
		}
		if !head.confirm.Acked() && ch.IsClosed() {
			p.end(<-closes, returns) // this is no nack: amqp091-go settles so what was not confirmed
			return
		}
		p.confirmed(head, returns)
	}
}

// head returns the oldest publishing that was written and is not confirmed, or nil.
func (p *publisher) head() *outgoing {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.pending) > 0 && p.pending[0].settled == nil && p.pending[0].confirm != nil {
		p.pending[0] = nil
		p.pending = p.pending[1:]
	}
	if len(p.pending) == 0 || p.pending[0].confirm == nil {
		return nil
	}
	return p.pending[0]
}

// confirmed settles out, of which the broker has acknowledged or refused the receipt. Its return came before.
func (p *publisher) confirmed(out *outgoing, returns <-chan amqp.Return) {
	for len(returns) > 0 {
		p.returned(<-returns)
	}
	if out.confirm.Acked() {
		out.settle(nil)
	} else {
		out.settle(ErrNacked)
	}
}

// returned settles the oldest publishing that r can be. Equal ones are equal to their senders too.
func (p *publisher) returned(r amqp.Return) {
	p.mu.Lock()
	var match *outgoing
	for _, out := range p.pending {
		if out.settled != nil && out.mandatory && out.exchange == r.Exchange && out.key == r.RoutingKey &&
			out.correlationID == r.CorrelationId && out.messageID == r.MessageId {
			match = out
			break
		}
	}
	p.mu.Unlock()
	if match != nil {
		match.settle(&Returned{Exchange: r.Exchange, Key: r.RoutingKey, Code: int(r.ReplyCode), Text: r.ReplyText})
	}
}

// end settles all that is pending: the channel is closed, by err or in order.
func (p *publisher) end(err *amqp.Error, returns <-chan amqp.Return) {
	close(p.dead)
	p.writing <- struct{}{} // and nobody writes any more
	if returns != nil {
		for r := range returns {
			p.returned(r)
		}
	}
	lost := ErrConnectionLost
	var refused *Error
	if err != nil {
		why := reason(err, publishing)
		errors.As(why, &refused)
		lost = fmt.Errorf("%w: %w", ErrConnectionLost, why)
	}
	for _, out := range p.pending {
		switch {
		case out.confirm.Acked():
			out.settle(nil)
		case refused != nil && refused.refuses(out.exchange):
			out.settle(refused)
		default:
			out.settle(lost)
		}
	}
	p.pending = nil
}

// settle reports the outcome, once. Only the publisher's goroutine calls it.
func (out *outgoing) settle(err error) {
	if settled := out.settled; settled != nil {
		out.settled = nil
		settled(err)
	}
}
