package transport

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/codec"
)

// A Delivery is a message that a [Consumer] received. It is settled once, by Ack, AckNow or Reject;
// later calls of these are ignored. Several goroutines may call its methods.
type Delivery struct {
	Exchange    string
	Key         string // routing key
	Redelivered bool
	Properties
	Body []byte

	transient bool      // delivery mode 1
	position  *position // of the stream that it was read from; nil if read from a queue
	offset    int64     // in that stream

	mu             sync.Mutex
	channel        *channel // the channel that it came from, or its successor
	tag            uint64
	outcome        ackState
	first, replied bool    // acknowledged before being handled; Reply was called
	orphan         *orphan // set while its channel is lost and it has no successor
	pinned         *fingerprint
}

// Encoded returns the body with the properties that say how it is encoded, for [codec.Set.Open].
func (d *Delivery) Encoded() codec.Body {
	return codec.Body{ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Headers: d.Headers, Data: d.Body}
}

// A channel is the AMQP channel of a consumer, from its opening to its end. Its deliveries belong
// to it: their acknowledgements are dropped once it is closed, because the broker delivers them
// again.
type channel struct {
	conn           *Conn // sends the replies that this channel cannot
	session        *session
	amqp           *amqp.Channel
	cfg            *Consume
	position       *position // of the stream that it reads; nil if it reads a queue
	confirmReplies bool      // an earlier channel was closed over a reply: use the publishing channel

	consumers  int    // how many the channel has had, one after the other
	consumer   string // the tag of the latest
	deliveries <-chan amqp.Delivery
	closes     <-chan *amqp.Error
	writing    chan struct{} // a lock that a ctx can give up on: full while a reply is written

	stop    func()        // closes stopped
	stopped chan struct{} // makes watch write the acknowledgements and return
	closed  chan struct{} // closed when watch has returned
	err     error         // why the channel was closed; valid once closed is

	flushing   sync.Mutex    // held while acknowledgements are written
	ackCount   int           // the number that is written at once
	ackTimeout time.Duration // after this time, fewer are written
	timer      *time.Timer   // of ackTimeout

	mu             sync.Mutex
	acks           acks
	flushRequested bool                 // the socket calls flush before it writes next
	handled        map[uint64]*Delivery // by tag, until they are settled; nil without Consume.Resume
}

// Acknowledgements are collected, so that one frame acknowledges many deliveries. With
// Consume.AckLater, they wait until there are lazyCount or lazyTimeout has passed; otherwise, until
// there are eagerCount, or a quarter of the prefetch if that is less, or eagerTimeout has passed.
const (
	lazyCount    = 32
	lazyTimeout  = 50 * time.Millisecond
	eagerCount   = 16
	eagerTimeout = time.Millisecond
)

// errCancelled is returned by deliver when the broker has cancelled the consumer (basic.cancel).
var errCancelled = errors.New("the broker cancelled the consumer: its queue was deleted or has moved")

// openChannel opens a channel of s and starts to consume on it, from p if it reads a stream.
func openChannel(conn *Conn, s *session, cfg *Consume, p *position, prefetch int, confirmReplies bool) (*channel, error) {
	opened, err := s.amqp.Channel()
	if err != nil {
		return nil, brokerError(err, connecting)
	}
	stopped := make(chan struct{})
	ch := &channel{
		conn:           conn,
		session:        s,
		amqp:           opened,
		cfg:            cfg,
		position:       p,
		confirmReplies: confirmReplies,
		closes:         opened.NotifyClose(make(chan *amqp.Error, 1)),
		writing:        make(chan struct{}, 1),
		stop:           sync.OnceFunc(func() { close(stopped) }),
		stopped:        stopped,
		closed:         make(chan struct{}),
	}
	switch {
	case cfg.AckLater:
		ch.ackCount, ch.ackTimeout = lazyCount, lazyTimeout
	case cfg.Prefetch == 0:
		ch.ackCount, ch.ackTimeout = eagerCount, eagerTimeout
	default:
		ch.ackCount, ch.ackTimeout = min(eagerCount, cfg.Prefetch/4), eagerTimeout
	}
	ch.timer = time.AfterFunc(ch.ackTimeout, ch.requestFlush)
	ch.timer.Stop()
	if cfg.Resume {
		ch.handled = make(map[uint64]*Delivery)
	}
	if err = ch.consume(prefetch); err == nil && !s.start(ch.watch) {
		err = errChannelClosed
	}
	if err != nil {
		opened.Close()
		return nil, brokerError(err, consuming)
	}
	return ch, nil
}

// consume begins to consume on the channel, which has no consumer. Each consumer has a different
// tag: RabbitMQ 3.10 closes the connection (541) if a consumer of a quorum queue reuses the tag of
// an earlier one on the channel whose deliveries are not all settled.
func (ch *channel) consume(prefetch int) error {
	args, _, err := encodeTable(ch.position.resume(ch.cfg.Args))
	if err != nil {
		return err
	}
	ch.consumers++
	ch.consumer = "gomeko." + strconv.Itoa(ch.consumers)
	ch.betweenReplies(func() {
		if prefetch > 0 || ch.consumers > 1 { // an earlier consumer may have had a limit
			err = ch.amqp.Qos(prefetch, 0, false)
		}
		if err == nil {
			ch.deliveries, err = ch.amqp.Consume(ch.session.queue(ch.cfg.Queue), ch.consumer, false, false, false, false, args)
		}
	})
	return err
}

// deliver passes deliveries to handle until ctx ends, the broker cancels the consumer, or the
// channel is closed. If one is set, it passes only one, when the consumer is cancelled.
func (ch *channel) deliver(ctx context.Context, one bool, handle func(*Delivery)) error {
	for ctx.Err() == nil {
		select {
		case d, ok := <-ch.deliveries:
			if !ok {
				return ch.ended()
			}
			delivery := ch.receive(&d)
			switch {
			case ch.conn.resumed(delivery):
			case one:
				ch.cancel()
				handle(delivery)
				return errProbed
			default:
				handle(delivery)
			}
		case <-ctx.Done():
		}
	}
	if errors.Is(context.Cause(ctx), errReleased) {
		ch.release()
	} else {
		ch.cancel()
	}
	return context.Cause(ctx)
}

func (ch *channel) receive(d *amqp.Delivery) *Delivery {
	delivery := &Delivery{
		Exchange:    d.Exchange,
		Key:         d.RoutingKey,
		Redelivered: d.Redelivered,
		Properties:  decodeProperties(d),
		Body:        d.Body,
		channel:     ch,
		tag:         d.DeliveryTag,
		transient:   d.DeliveryMode == amqp.Transient,
	}
	if ch.position != nil {
		ch.position.delivered(delivery)
	}
	ch.mu.Lock()
	ch.acks.delivered(d.DeliveryTag)
	if ch.handled != nil {
		ch.handled[d.DeliveryTag] = delivery
	}
	ch.mu.Unlock()
	return delivery
}

// decodeProperties returns the properties of a delivery.
func decodeProperties(d *amqp.Delivery) Properties {
	var ms uint64
	if d.Expiration != "" { // brokers refuse one that is not a number
		ms, _ = strconv.ParseUint(d.Expiration, 10, 32)
	}
	return Properties{
		ContentType:     d.ContentType,
		ContentEncoding: d.ContentEncoding,
		Headers:         decodeTable(d.Headers),
		Persistent:      d.DeliveryMode == amqp.Persistent,
		Priority:        d.Priority,
		CorrelationID:   d.CorrelationId,
		ReplyTo:         d.ReplyTo,
		Expiration:      time.Duration(ms) * time.Millisecond,
		MessageID:       d.MessageId,
		Type:            d.Type,
		AppID:           d.AppId,
		Timestamp:       d.Timestamp,
		UserID:          d.UserId,
	}
}

// maxUnconfirmed is the largest body, in bytes, of a reply that is sent without a confirm.
const maxUnconfirmed = 1 << 20

// Reply publishes p on the channel of the delivery, never as mandatory. A reply that is written
// before the delivery's Ack reaches the broker before it, so it is not lost if the process dies in
// between. The reply to a transient message (delivery mode 1) is transient too.
//
// Reply does not wait for a confirm, with three exceptions: the channel is closed, the body is over
// 1 MiB, or the broker has refused an earlier reply (403, 404). Then it publishes as [Conn.Publish]
// does, and waits for the connection and the confirm until ctx ends. The last two exceptions exist
// because a refusal closes the channel, and the broker then delivers the message again: if the
// second reply closed the channel too, this would never end.
//
// If p cannot be sent (see [Conn.Publish]), Reply returns an error before it writes anything.
func (d *Delivery) Reply(ctx context.Context, p Publishing) error {
	p.Mandatory = false
	p.Persistent = p.Persistent && !d.transient
	ch := d.reply()
	if len(p.Body) <= maxUnconfirmed && !ch.confirmReplies {
		if err := ch.publish(ctx, &p); !errors.Is(err, errChannelClosed) {
			return err
		}
	}
	return ch.conn.Publish(ctx, p)
}

// publish writes a publishing, ahead of later acknowledgements. errChannelClosed means that nothing
// was sent.
func (ch *channel) publish(ctx context.Context, p *Publishing) error {
	message, err := p.encode(ch.conn)
	if err != nil {
		return err
	}
	select {
	case ch.writing <- struct{}{}:
	default: // ctx.Done may allocate, so it is called only to wait
		select {
		case ch.writing <- struct{}{}:
		case <-ch.closed:
			return errChannelClosed
		case <-ctx.Done():
			return fmt.Errorf("waiting to reply: %w", ch.session.contextError(ctx))
		}
	}
	defer func() { <-ch.writing }()
	if !ch.session.sock.waitWritable(ctx, ch.closed) {
		if ctx.Err() != nil {
			return fmt.Errorf("waiting to reply: %w", ch.session.contextError(ctx))
		}
		return errChannelClosed
	}
	if ch.amqp.Publish(p.Exchange, p.Key, false, false, message) != nil {
		return errChannelClosed // the only reason for which a write fails
	}
	return nil
}

// Ack acknowledges the delivery. Acknowledgements are written in batches: one for all deliveries up
// to the first unsettled one, and single ones for those after it. Unless Consume.AckLater is set,
// an Ack waits for others for at most 1 ms, and for no more of them than a quarter of the prefetch.
// If the connection is lost first, Ack does nothing, and the broker delivers the message again.
func (d *Delivery) Ack() { d.settle(acked) }

// AckNow acknowledges the delivery and waits until the broker has received the acknowledgement, so
// that what follows is done at most once. After an error, [ErrConnectionLost] or ctx's cause, the
// broker may deliver the message again.
func (d *Delivery) AckNow(ctx context.Context) error {
	d.mu.Lock()
	ch, lost := d.channel, d.orphan != nil
	if d.first = !lost; !lost {
		d.settleLocked(acked)
	}
	d.mu.Unlock()
	if lost { // it is delivered again, and may be acknowledged then
		return ErrConnectionLost
	}
	return ch.sync(ctx)
}

// Reject returns the delivery to its queue if requeue is set, and otherwise drops it. A message in
// a stream stays there in either case; for it, Reject is the same as Ack.
func (d *Delivery) Reject(requeue bool) {
	if requeue {
		d.settle(requeued)
		return
	}
	d.settle(dropped)
}

func (d *Delivery) settle(s ackState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settleLocked(s)
}

// settleLocked settles a delivery whose mutex is held.
func (d *Delivery) settleLocked(s ackState) {
	if d.position != nil {
		d.position.settled(d.offset)
		s = acked // RabbitMQ closes the connection if a stream's message is rejected
	}
	if d.outcome != unacknowledged {
		return
	}
	d.outcome = s
	if d.orphan != nil {
		d.orphan.settle(s)
		return
	}
	d.channel.settle(d.tag, s)
}

func (ch *channel) settle(tag uint64, s ackState) {
	ch.mu.Lock()
	n := ch.acks.settle(tag, s)
	ch.mu.Unlock()
	switch {
	case s != acked || n >= ch.ackCount:
		ch.requestFlush()
	case n == 1:
		ch.timer.Reset(ch.ackTimeout)
	}
}

// requestFlush makes the socket call flush before its next write. While the socket is busy, more
// acknowledgements arrive, and one frame acknowledges them all; that is why flush is not called
// directly.
func (ch *channel) requestFlush() {
	ch.mu.Lock()
	requested := ch.flushRequested
	ch.flushRequested = true
	ch.mu.Unlock()
	if !requested {
		ch.session.sock.beforeWrite(ch.flush)
	}
}

// flush writes the acknowledgements. It ignores errors: they mean that the channel is closed, which
// makes the acknowledgements void.
func (ch *channel) flush() {
	ch.flushing.Lock() // when flush returns, what an earlier flush took is written too
	defer ch.flushing.Unlock()
	for {
		ch.mu.Lock()
		b, ok := ch.takeAcks()
		ch.flushRequested = false
		ch.mu.Unlock()
		if !ok {
			return
		}
		for _, tag := range b.requeued {
			ch.amqp.Reject(tag, true)
		}
		for _, tag := range b.dropped {
			ch.amqp.Reject(tag, false)
		}
		if b.prefix > 0 {
			ch.amqp.Ack(b.prefix, true)
		}
		for _, tag := range b.single {
			ch.amqp.Ack(tag, false)
		}
	}
}

// sync writes the acknowledgements and waits until the broker has received them. The broker handles
// the frames of a channel in order, so sync waits for the answer to a qos that changes nothing.
func (ch *channel) sync(ctx context.Context) error {
	err := ch.session.do(ctx, func() error {
		ch.flush()
		var err error
		ch.betweenReplies(func() { err = ch.amqp.Qos(ch.cfg.Prefetch, 0, false) })
		return err
	})
	if err != nil && ctx.Err() == nil {
		return ErrConnectionLost
	}
	return err
}

// betweenReplies calls f, which sends a method and waits for the broker's answer, while no reply is
// being written. A reply is three frames, and the broker closes a connection that sends a frame of
// another method between them.
func (ch *channel) betweenReplies(f func()) {
	ch.writing <- struct{}{} // replies hold it no longer than the socket lives
	defer func() { <-ch.writing }()
	f()
}

// acks keeps the state of a channel's deliveries, whose tags count from 1, and acknowledges them in
// as few frames as possible.
type acks struct {
	first  uint64 // the tag of states[0]; everything before it is sent
	states []ackState
	fresh  []uint64 // tags settled since the last batch
}

// An ackState says how a delivery was settled.
type ackState uint8

const (
	unacknowledged ackState = iota
	acked
	requeued
	dropped
	sent // to the broker
)

// A batch is what to send to the broker, in this order, because acknowledging up to prefix would
// also acknowledge rejected deliveries.
type batch struct {
	requeued, dropped []uint64
	prefix            uint64 // acknowledge all up to this tag; 0 is none
	single            []uint64
}

// delivered adds the next delivery.
func (a *acks) delivered(tag uint64) {
	if len(a.states) == 0 {
		a.first = tag
	}
	a.states = append(a.states, unacknowledged)
}

// settle records the first settlement of a delivery, and returns how many there were since the last
// batch.
func (a *acks) settle(tag uint64, s ackState) int {
	i := tag - a.first // wraps to a large number below first
	if i < uint64(len(a.states)) && a.states[i] == unacknowledged {
		a.states[i] = s
		a.fresh = append(a.fresh, tag)
	}
	return len(a.fresh)
}

// take returns the settlements since the last batch, and false if there were none.
func (a *acks) take() (batch, bool) {
	if len(a.fresh) == 0 {
		return batch{}, false
	}
	var b batch
	for _, tag := range a.fresh {
		switch a.states[tag-a.first] {
		case requeued:
			b.requeued = append(b.requeued, tag)
		case dropped:
			b.dropped = append(b.dropped, tag)
		default:
			continue
		}
		a.states[tag-a.first] = sent
	}
	for len(a.states) > 0 && a.states[0] != unacknowledged {
		if a.states[0] == acked {
			b.prefix = a.first // the broker refuses a tag that it knows to be settled
		}
		a.states = a.states[1:]
		a.first++
	}
	for _, tag := range a.fresh {
		if tag >= a.first && a.states[tag-a.first] == acked {
			b.single = append(b.single, tag)
			a.states[tag-a.first] = sent
		}
	}
	a.fresh = a.fresh[:0]
	return b, true
}
