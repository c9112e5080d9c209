package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A Publisher publishes to each exchange on a separate channel, which it opens with the first
// publishing. The broker closes a channel when it refuses a publishing on it, so a missing
// exchange, or one that the user may not write to, affects only what is published to that exchange.
// After other refusals, which are rare (a topic that the user may not write to, a body over the
// broker's limit), unconfirmed publishings to the same exchange fail with [ErrConnectionLost].
// [Conn.Publisher] makes another Publisher for publishings that these must not disturb.
//
// Several goroutines may use a Publisher.
type Publisher struct {
	conn *Conn

	mu       sync.Mutex
	closed   bool                       // by Close
	channels map[string]*confirmChannel // the latest for each exchange; none before the first publishing: brokers block only connections that publish
}

// maxChannels limits the channels of a Publisher. At the limit, it closes those without unconfirmed
// publishings before it opens another one.
const maxChannels = 64

// Publisher returns a new Publisher on the connection.
func (c *Conn) Publisher() *Publisher {
	return &Publisher{conn: c, channels: map[string]*confirmChannel{}}
}

// Publish publishes with the [Publisher] that all callers of Conn.Publish and [Conn.Send] share;
// see [Publisher.Publish].
func (c *Conn) Publish(ctx context.Context, p Publishing) error { return c.publisher.Publish(ctx, p) }

// Send publishes with the [Publisher] that all callers of [Conn.Publish] and Conn.Send share; see
// [Publisher.Send].
func (c *Conn) Send(ctx context.Context, p Publishing, settled func(error)) error {
	return c.publisher.Send(ctx, p, settled)
}

// Publish sends m and waits for the broker's confirm. While the connection is lost, it waits for
// that too. Its errors are:
//
//   - a mistake in m, found before anything is written: a body over Config.MaxMessage
//     ([*codec.TooLarge]), a property or routing key over 255 bytes, headers that do not fit a
//     frame or have a type that AMQP lacks, an expiration out of range
//   - [*Returned]: m is mandatory and reached no queue
//   - [*Error]: the exchange does not exist, or the user may not write to it
//   - [ErrNacked]: the broker did not accept m
//   - [ErrConnectionLost], or ctx's cause: it is unknown whether m was sent. If the broker closed the
//     channel because of a publishing, the error is an [*Error] too, with the broker's reason
//   - [ErrClosed]
func (p *Publisher) Publish(ctx context.Context, m Publishing) error {
	result := make(chan error, 1)
	out, err := p.send(ctx, &m, func(err error) { result <- err })
	if err != nil {
		return err
	}
	confirmed := out.confirm.Done()
	for {
		select {
		case err := <-result:
			return err
		case <-confirmed:
			out.channel.settle(out)
			confirmed = nil // the result comes now
		case <-ctx.Done():
			return fmt.Errorf("waiting for the broker's confirm: %w", out.channel.session.contextError(ctx))
		}
	}
}

// Send sends m without waiting for the broker's confirm. It calls settled exactly once, with the
// error that Publish would have returned, from a goroutine of the connection; settled must not
// block. A return is reported at once, a confirm perhaps only after those of earlier publishings.
// If Send itself returns an error, m was not sent and settled is not called.
func (p *Publisher) Send(ctx context.Context, m Publishing, settled func(error)) error {
	_, err := p.send(ctx, &m, settled)
	return err
}

// Check returns the error with which Publish would refuse m before sending anything, because m
// cannot be encoded or is too large. Use it for messages that are stored and published later.
func (c *Conn) Check(m Publishing) error {
	_, err := m.encode(c)
	return err
}

func (p *Publisher) send(ctx context.Context, m *Publishing, settled func(error)) (*unconfirmed, error) {
	message, err := m.encode(p.conn)
	if err != nil {
		return nil, err
	}
	for {
		s, err := p.conn.session(ctx)
		if err != nil {
			return nil, err
		}
		ch, err := p.channelOn(ctx, s, m.Exchange)
		if err == nil {
			var out *unconfirmed
			if out, err = ch.send(ctx, m, message, settled); err == nil {
				return out, nil
			}
		}
		if !errors.Is(err, errChannelClosed) {
			return nil, err
		}
	}
}

// Close closes the Publisher's channels. Later publishings return [ErrClosed], and unconfirmed ones
// fail with [ErrConnectionLost]. Closing the Conn closes the channels too.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	open := p.channels
	p.closed, p.channels = true, nil
	p.mu.Unlock()
	for _, ch := range open {
		if ch.isClosed() {
			continue
		}
		if err := ch.session.do(ctx, ch.close); err != nil && ctx.Err() != nil {
			return fmt.Errorf("close a publisher: %w", err)
		} // any other error means that the channel was closed already
	}
	return nil
}

// channelOn returns the Publisher's channel on s for an exchange, opening it if necessary.
func (p *Publisher) channelOn(ctx context.Context, s *session, exchange string) (*confirmChannel, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	ch := p.channels[exchange]
	if ch == nil || ch.session != s || ch.isClosed() {
		p.retire()
		ch = newConfirmChannel(p.conn, s)
		if s.isLost() || !s.start(ch.run) { // there may be a channel on a later session
			p.mu.Unlock()
			return nil, errChannelClosed
		}
		p.channels[exchange] = ch
	}
	p.mu.Unlock()
	select {
	case <-ch.ready:
		return ch, ch.err
	case <-ctx.Done():
		return nil, s.contextError(ctx)
	}
}

// retire closes channels without unconfirmed publishings if there are many channels. The caller
// holds mu.
func (p *Publisher) retire() {
	if len(p.channels) < maxChannels {
		return
	}
	for exchange, ch := range p.channels {
		if ch.isClosed() || ch.retire() {
			delete(p.channels, exchange)
		}
	}
}

// A confirmChannel is a channel in confirm mode. One goroutine receives its returns and confirms,
// so that a return is known before the confirm that follows it.
type confirmChannel struct {
	conn    *Conn
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
	retired bool           // nothing more is written
}

func newConfirmChannel(c *Conn, s *session) *confirmChannel {
	return &confirmChannel{
		conn:    c,
		session: s,
		ready:   make(chan struct{}),
		writing: make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		asks:    make(chan *unconfirmed),
		closed:  make(chan struct{}),
	}
}

// An unconfirmed is a publishing without a confirm so far.
type unconfirmed struct {
	channel *confirmChannel
	confirm *amqp.DeferredConfirmation // nil until it is written
	settled func(error)                // nil once it was called

	// These match a basic.return to its publishing.
	exchange, key, correlationID, messageID string
	mandatory                               bool
}

// close closes the channel once it is open.
func (c *confirmChannel) close() error {
	<-c.ready
	if c.err != nil {
		return c.err
	}
	return c.amqp.Close()
}

// retire closes the channel, and returns true, if it is open and nothing on it is unconfirmed.
func (c *confirmChannel) retire() bool {
	select {
	case <-c.ready:
	default:
		return false
	}
	c.mu.Lock()
	c.retired = c.retired || len(c.pending) == 0
	retired := c.retired
	c.mu.Unlock()
	if retired {
		c.session.start(func() { _ = c.close() }) // an error means that it is closed already
	}
	return retired
}

func (c *confirmChannel) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// send writes a publishing. errChannelClosed means that nothing was sent.
func (c *confirmChannel) send(ctx context.Context, m *Publishing, message amqp.Publishing, settled func(error)) (*unconfirmed, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-c.closed:
		return nil, errChannelClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to publish: %w", c.session.contextError(ctx))
	}
	if !c.session.sock.waitWritable(ctx, c.closed) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting to publish: %w", c.session.contextError(ctx))
		}
		return nil, errChannelClosed
	}
	out := &unconfirmed{
		channel: c, settled: settled, mandatory: m.Mandatory,
		exchange: m.Exchange, key: m.Key, correlationID: m.CorrelationID, messageID: m.MessageID,
	}
	c.mu.Lock()
	retired := c.retired
	if !retired {
		c.pending = append(c.pending, out) // before it is written: its return may come at once
	}
	c.mu.Unlock()
	if retired {
		return nil, errChannelClosed
	}
	confirm, err := c.amqp.PublishWithDeferredConfirm(m.Exchange, m.Key, m.Mandatory, false, message)
	c.mu.Lock()
	if err != nil {
		c.pending = c.pending[:len(c.pending)-1]
	} else {
		out.confirm = confirm
	}
	first := err == nil && c.pending[0] == out
	c.mu.Unlock()
	if err != nil {
		<-c.closed // soon, since a write fails only because the channel is closed
		return nil, errChannelClosed
	}
	if first { // otherwise run waits for an earlier one
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	return out, nil
}

// settle asks run to settle out now, because its confirm has come, without waiting for earlier
// ones.
func (c *confirmChannel) settle(out *unconfirmed) {
	select {
	case c.asks <- out:
	case <-c.closed:
	}
}

// run is the channel's goroutine: it opens the channel, and settles publishings until it is closed.
func (c *confirmChannel) run() {
	ch, err := c.session.amqp.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		c.err = brokerError(err, connecting)
		close(c.closed)
		close(c.ready)
		return
	}
	returns := ch.NotifyReturn(make(chan amqp.Return, 64))
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	c.amqp = ch
	close(c.ready)
	for {
		head := c.head()
		var confirmed <-chan struct{}
		if head != nil {
			confirmed = head.confirm.Done()
		}
		select {
		case r, ok := <-returns:
			if !ok {
				c.end(<-closes, nil)
				return
			}
			c.returned(r)
			continue
		case <-confirmed:
		case head = <-c.asks:
		case <-c.wake:
			continue
		case err := <-closes:
			c.end(err, returns)
			return
		}
		if !head.confirm.Acked() && ch.IsClosed() {
			c.end(<-closes, returns) // not a nack, although amqp091-go marks unconfirmed publishings as one
			return
		}
		c.confirmed(head, returns)
	}
}

// head returns the oldest publishing that is written and not settled, or nil.
func (c *confirmChannel) head() *unconfirmed {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.pending) > 0 && c.pending[0].settled == nil && c.pending[0].confirm != nil {
		c.pending[0] = nil
		c.pending = c.pending[1:]
	}
	if len(c.pending) == 0 || c.pending[0].confirm == nil {
		return nil
	}
	return c.pending[0]
}

// confirmed settles out, which the broker has acked or nacked. If it was returned, the return came
// before that.
func (c *confirmChannel) confirmed(out *unconfirmed, returns <-chan amqp.Return) {
	for len(returns) > 0 {
		c.returned(<-returns)
	}
	if out.confirm.Acked() {
		out.settle(nil)
	} else {
		out.settle(ErrNacked)
	}
}

// returned settles the oldest publishing that r matches. Publishings that match equally are the
// same to their senders too.
func (c *confirmChannel) returned(r amqp.Return) {
	c.mu.Lock()
	var match *unconfirmed
	for _, out := range c.pending {
		if out.settled != nil && out.mandatory && out.exchange == r.Exchange && out.key == r.RoutingKey &&
			out.correlationID == r.CorrelationId && out.messageID == r.MessageId {
			match = out
			break
		}
	}
	c.mu.Unlock()
	if match != nil {
		c.fail(match, &Returned{Exchange: r.Exchange, Key: r.RoutingKey, Code: int(r.ReplyCode), Text: r.ReplyText})
	}
}

// end settles everything that is pending. The channel was closed because of err, or normally if err
// is nil.
func (c *confirmChannel) end(err *amqp.Error, returns <-chan amqp.Return) {
	close(c.closed)
	c.writing <- struct{}{} // never released: nobody writes any more
	if returns != nil {
		for r := range returns {
			c.returned(r)
		}
	}
	lost := ErrConnectionLost
	var refused *Error
	if err != nil {
		why := closeError(err, publishing)
		errors.As(why, &refused)
		lost = fmt.Errorf("%w: %w", ErrConnectionLost, why)
		if refused != nil {
			lost = &spoiledError{refused}
		}
	}
	for _, out := range c.pending {
		switch {
		case out.confirm.Acked():
			out.settle(nil)
		case refused != nil && refused.refuses(out.exchange, out.key):
			c.fail(out, refused)
		default:
			out.settle(lost)
		}
	}
	c.pending = nil
}

// fail settles a publishing that the broker refused or returned. It also has the topology checked,
// in case somebody has deleted a part of it.
func (c *confirmChannel) fail(out *unconfirmed, err error) {
	out.settle(err)
	c.conn.suspect(out.exchange, out.key, err)
}

// settle reports the outcome, once. Only run's goroutine calls it.
func (out *unconfirmed) settle(err error) {
	if settled := out.settled; settled != nil {
		out.settled = nil
		settled(err)
	}
}
