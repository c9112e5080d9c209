package transport

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// consumerTag names a consumer on its channel, which has no other.
const consumerTag = "gomeko"

// A link is the channel of a consumer, for as long as that lives. Its deliveries belong to it: when it is gone their
// acknowledgements are void.
type link struct {
	consumer   *Consumer
	session    *session
	channel    *amqp.Channel
	deliveries <-chan amqp.Delivery
	closes     <-chan *amqp.Error
	writing    chan struct{} // a token is in it while a reply is written

	finish func()        // makes run write the verdicts and end
	stop   chan struct{} // closed by finish
	dead   chan struct{} // closed when run has ended
	err    error         // why the channel was closed; read it after dead

	verdicts sync.Mutex    // held while they are written
	enough   int           // of them to be written at once
	patience time.Duration // how long fewer wait
	timer    *time.Timer   // asks for them to be written then

	mu    sync.Mutex
	acks  acks
	asked bool // the socket's writer writes them next
}

// Acknowledgements wait for one another, so that one stands for many: for laterCount of them or laterTime if they may wait
// long, else for soonCount, or a quarter of the prefetch window if that is less, or soonTime.
const (
	laterCount = 32
	laterTime  = 50 * time.Millisecond
	soonCount  = 16
	soonTime   = time.Millisecond
)

func newLink(c *Consumer, s *session, ch *amqp.Channel) *link {
	l := &link{
		consumer: c,
		session:  s,
		channel:  ch,
		closes:   ch.NotifyClose(make(chan *amqp.Error, 1)),
		writing:  make(chan struct{}, 1),
		stop:     make(chan struct{}),
		dead:     make(chan struct{}),
	}
	switch {
	case c.cfg.AckLater:
		l.enough, l.patience = laterCount, laterTime
	case c.cfg.Prefetch == 0:
		l.enough, l.patience = soonCount, soonTime
	default:
		l.enough, l.patience = min(soonCount, c.cfg.Prefetch/4), soonTime
	}
	l.timer = time.AfterFunc(l.patience, l.ask)
	l.timer.Stop()
	stop := sync.OnceFunc(func() { close(l.stop) })
	l.finish = func() {
		stop()
		<-l.dead
	}
	return l
}

// deliver hands the deliveries to handle until ctx ends, or the broker cancels or closes the channel.
func (l *link) deliver(ctx context.Context, handle func(*Delivery)) error {
	for ctx.Err() == nil {
		select {
		case d, ok := <-l.deliveries:
			if !ok {
				return l.close()
			}
			handle(l.receive(&d))
		case <-ctx.Done():
		}
	}
	l.alone(func() { l.channel.Cancel(consumerTag, false) }) // if this fails the channel is gone, and deliveries end as well
	for d := range l.deliveries {
		l.receive(&d).Reject(true)
	}
	return context.Cause(ctx)
}

func (l *link) receive(d *amqp.Delivery) *Delivery {
	l.mu.Lock()
	l.acks.delivered(d.DeliveryTag)
	l.mu.Unlock()
	delivery := &Delivery{
		Exchange:    d.Exchange,
		Key:         d.RoutingKey,
		Redelivered: d.Redelivered,
		Properties:  decodeProperties(d),
		Body:        d.Body,
		link:        l,
		tag:         d.DeliveryTag,
		transient:   d.DeliveryMode == amqp.Transient,
	}
	l.consumer.position.delivered(delivery)
	return delivery
}

// close ends a link to which nothing is delivered any more, and says why.
func (l *link) close() error {
	if !l.channel.IsClosed() {
		_ = l.quit()
		l.consumer.position = positionOf(l.consumer.cfg.Args) // what is there under the name next is another stream
		return errors.New("broker cancelled it: the queue was deleted or has moved")
	}
	<-l.dead
	return l.err
}

// quit writes the verdicts so far and closes the channel.
func (l *link) quit() (err error) {
	l.finish()
	l.alone(func() { err = l.channel.Close() })
	return err
}

// alone runs do, which sends a method and waits for its answer, while no reply is written: that is three frames, and one of
// another method among them ends the connection.
func (l *link) alone(do func()) {
	l.writing <- struct{}{} // nobody keeps it for longer than the socket lives
	defer func() { <-l.writing }()
	do()
}

func (l *link) settle(tag uint64, v verdict) {
	l.mu.Lock()
	n := l.acks.decide(tag, v)
	l.mu.Unlock()
	switch {
	case v != acked || n >= l.enough:
		l.ask()
	case n == 1:
		l.timer.Reset(l.patience)
	}
}

// ask has the verdicts written ahead of what the socket writes next: while that is busy more of them come, and one
// acknowledgement stands for many.
func (l *link) ask() {
	l.mu.Lock()
	asked := l.asked
	l.asked = true
	l.mu.Unlock()
	if !asked {
		l.session.sock.ahead(l.write)
	}
}

// settled returns when the broker has heard of the verdicts so far: it handles the frames of a channel in order, and answers
// a qos, which changes nothing.
func (l *link) settled(ctx context.Context) error {
	err := l.session.do(ctx, func() error {
		l.write()
		var err error
		l.alone(func() { err = l.channel.Qos(l.consumer.cfg.Prefetch, 0, false) })
		return err
	})
	if err != nil && ctx.Err() == nil {
		return ErrConnectionLost
	}
	return err
}

// publish writes a publishing ahead of the verdicts to come. errGone means that the channel is dead.
func (l *link) publish(ctx context.Context, p *Publishing, message amqp.Publishing) error {
	select {
	case l.writing <- struct{}{}:
	default: // ctx may cost something once somebody waits for it
		select {
		case l.writing <- struct{}{}:
		case <-l.dead:
			return errGone
		case <-ctx.Done():
			return fmt.Errorf("waiting to reply: %w", l.session.late(ctx))
		}
	}
	defer func() { <-l.writing }()
	if !l.session.sock.room(ctx, l.dead) {
		if ctx.Err() != nil {
			return fmt.Errorf("waiting to reply: %w", l.session.late(ctx))
		}
		return errGone
	}
	if l.channel.Publish(p.Exchange, p.Key, false, false, message) != nil {
		return errGone // a write fails for nothing else
	}
	return nil
}

// run is the link's goroutine: it waits for the end of the link.
func (l *link) run() {
	defer close(l.dead)
	select {
	case <-l.stop:
		l.write()
	case err := <-l.closes:
		l.err = errGone
		if err != nil {
			l.err = reason(err, publishing)
			l.consumer.wary.Store(err.Server)
		}
	}
	l.timer.Stop()
}

// write writes the verdicts. Their errors are of no interest: the channel is gone then, and they are void.
func (l *link) write() {
	l.verdicts.Lock() // so that all verdicts are written when a second write returns
	defer l.verdicts.Unlock()
	for {
		l.mu.Lock()
		b, ok := l.acks.take()
		l.asked = false
		l.mu.Unlock()
		if !ok {
			return
		}
		for _, tag := range b.requeued {
			l.channel.Reject(tag, true)
		}
		for _, tag := range b.dropped {
			l.channel.Reject(tag, false)
		}
		if b.prefix > 0 {
			l.channel.Ack(b.prefix, true)
		}
		for _, tag := range b.single {
			l.channel.Ack(tag, false)
		}
	}
}
