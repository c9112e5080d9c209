package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Publish sends p and waits for the broker's confirm. While the connection is lost, it waits for
// that too. Its errors are:
//
//   - a mistake in p, found before anything is written: a body over Config.MaxMessage
//     ([*codec.TooLarge]), a property or routing key over 255 bytes, headers that do not fit a
//     frame or have a type that AMQP lacks, an expiration out of range
//   - [*Returned]: p is mandatory and reached no queue
//   - [*Error]: the exchange does not exist, or the user may not write to it
//   - [ErrNacked]: the broker did not accept p
//   - [ErrConnectionLost], or ctx's cause: p was sent or not; the outcome is unknown
//   - [ErrClosed]
func (c *Conn) Publish(ctx context.Context, p Publishing) error {
	result := make(chan error, 1)
	out, err := c.send(ctx, &p, func(err error) { result <- err })
	if err != nil {
		return err
	}
	confirmed := out.confirm.Done()
	for {
		select {
		case err := <-result:
			return err
		case <-confirmed:
			out.publisher.settle(out)
			confirmed = nil // the result comes now
		case <-ctx.Done():
			return fmt.Errorf("waiting for the broker's confirm: %w", out.publisher.session.contextError(ctx))
		}
	}
}

// Send sends p without waiting for the broker's confirm. It calls settled exactly once, with what
// Publish would have returned, from a goroutine of the connection; settled must not block. A return
// is reported at once, a confirm perhaps only after those of earlier publishings. If Send itself
// returns an error, p was not sent and settled is not called.
func (c *Conn) Send(ctx context.Context, p Publishing, settled func(error)) error {
	_, err := c.send(ctx, &p, settled)
	return err
}

func (c *Conn) send(ctx context.Context, p *Publishing, settled func(error)) (*unconfirmed, error) {
	message, err := p.encode(c)
	if err != nil {
		return nil, err
	}
	for {
		s, err := c.session(ctx)
		if err != nil {
			return nil, err
		}
		publisher, err := publisherOf(ctx, s)
		if err == nil {
			var out *unconfirmed
			if out, err = publisher.send(ctx, p, message, settled); err == nil {
				return out, nil
			}
		}
		if !errors.Is(err, errChannelClosed) {
			return nil, err
		}
	}
}

// A publisher is a channel in confirm mode. One goroutine receives its returns and confirms, so
// that a return is known before the confirm that follows it.
type publisher struct {
	session *session
	ready   chan struct{} // closed when the channel is open or cannot be opened
	err     error         // why it cannot be opened; valid once ready is closed
	amqp    *amqp.Channel

	writing chan struct{} // a lock that a ctx can give up on: full while a publishing is written
	wake    chan struct{} // holds a token when pending has a new head
	asks    chan *unconfirmed
	closed  chan struct{} // closed when the channel is

	mu      sync.Mutex
	pending []*unconfirmed // in the order of writing; the head is not settled
}

// An unconfirmed is a publishing whose confirm has not come.
type unconfirmed struct {
	publisher *publisher
	confirm   *amqp.DeferredConfirmation // nil until it is written
	settled   func(error)                // nil once it was called

	// A basic.return is matched by these.
	exchange, key, correlationID, messageID string
	mandatory                               bool
}

// publisherOf returns the publisher of s, and opens its channel if there is none.
func publisherOf(ctx context.Context, s *session) (*publisher, error) {
	s.mu.Lock()
	p := s.publisher
	if p == nil || p.isClosed() {
		if s.ended {
			s.mu.Unlock()
			return nil, errChannelClosed
		}
		p = &publisher{
			session: s,
			ready:   make(chan struct{}),
			writing: make(chan struct{}, 1),
			wake:    make(chan struct{}, 1),
			asks:    make(chan *unconfirmed),
			closed:  make(chan struct{}),
		}
		s.publisher = p
		s.wg.Go(p.run)
	}
	s.mu.Unlock()
	select {
	case <-p.ready:
		return p, p.err
	case <-ctx.Done():
		return nil, s.contextError(ctx)
	}
}

func (p *publisher) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// send writes a publishing. errChannelClosed means that nothing was sent.
func (p *publisher) send(ctx context.Context, m *Publishing, message amqp.Publishing, settled func(error)) (*unconfirmed, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-p.closed:
		return nil, errChannelClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to publish: %w", p.session.contextError(ctx))
	}
	if !p.session.sock.waitWritable(ctx, p.closed) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting to publish: %w", p.session.contextError(ctx))
		}
		return nil, errChannelClosed
	}
	out := &unconfirmed{
		publisher: p, settled: settled, mandatory: m.Mandatory,
		exchange: m.Exchange, key: m.Key, correlationID: m.CorrelationID, messageID: m.MessageID,
	}
	p.mu.Lock()
	p.pending = append(p.pending, out) // before it is written: its return may come at once
	p.mu.Unlock()
	confirm, err := p.amqp.PublishWithDeferredConfirm(m.Exchange, m.Key, m.Mandatory, false, message)
	p.mu.Lock()
	if err != nil {
		p.pending = p.pending[:len(p.pending)-1]
	} else {
		out.confirm = confirm
	}
	first := err == nil && p.pending[0] == out
	p.mu.Unlock()
	if err != nil {
		<-p.closed // soon: a write fails only because the channel is closed
		return nil, errChannelClosed
	}
	if first { // otherwise run waits for an earlier one
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return out, nil
}

// settle asks run to settle out now, because its confirm has come, without waiting for earlier
// ones.
func (p *publisher) settle(out *unconfirmed) {
	select {
	case p.asks <- out:
	case <-p.closed:
	}
}

// run is the publisher's goroutine: it opens the channel, and settles publishings until it is
// closed.
func (p *publisher) run() {
	ch, err := p.session.amqp.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		p.err = brokerError(err, connecting)
		close(p.closed)
		close(p.ready)
		return
	}
	returns := ch.NotifyReturn(make(chan amqp.Return, 64))
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	p.amqp = ch
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
			p.end(<-closes, returns) // not a nack: amqp091-go marks so what was not confirmed
			return
		}
		p.confirmed(head, returns)
	}
}

// head returns the oldest publishing that is written and not settled, or nil.
func (p *publisher) head() *unconfirmed {
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

// confirmed settles out, which the broker has acked or nacked. Its return, if any, came before
// that.
func (p *publisher) confirmed(out *unconfirmed, returns <-chan amqp.Return) {
	for len(returns) > 0 {
		p.returned(<-returns)
	}
	if out.confirm.Acked() {
		out.settle(nil)
	} else {
		out.settle(ErrNacked)
	}
}

// returned settles the oldest publishing that r matches. Those that it cannot tell apart are the
// same to their senders too.
func (p *publisher) returned(r amqp.Return) {
	p.mu.Lock()
	var match *unconfirmed
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

// end settles everything that is pending. The channel was closed because of err, or in order if err
// is nil.
func (p *publisher) end(err *amqp.Error, returns <-chan amqp.Return) {
	close(p.closed)
	p.writing <- struct{}{} // kept: nobody writes any more
	if returns != nil {
		for r := range returns {
			p.returned(r)
		}
	}
	lost := ErrConnectionLost
	var refused *Error
	if err != nil {
		why := closeError(err, publishing)
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

// settle reports the outcome, once. Only run's goroutine calls it.
func (out *unconfirmed) settle(err error) {
	if settled := out.settled; settled != nil {
		out.settled = nil
		settled(err)
	}
}
