package transport

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// This file handles the end of a channel, and the deliveries that are still being handled at that
// time.

// watch is the channel's goroutine: it waits for the end of the channel.
func (ch *channel) watch() {
	defer close(ch.closed)
	select {
	case <-ch.stopped:
		ch.flush()
	case err := <-ch.closes:
		ch.err = errChannelClosed
		if err != nil {
			ch.err = closeError(err, publishing)
		}
	}
	ch.timer.Stop()
}

// ended closes the channel if it is still open, and returns why there are no more deliveries.
func (ch *channel) ended() error {
	if !ch.amqp.IsClosed() {
		_ = ch.close()
		return errCancelled
	}
	<-ch.closed
	return ch.err
}

// isClosed reports whether watch has returned.
func (ch *channel) isClosed() bool {
	select {
	case <-ch.closed:
		return true
	default:
		return false
	}
}

// finish writes the acknowledgements given so far. Later ones are not written.
func (ch *channel) finish() {
	ch.stop()
	<-ch.closed
}

// close writes the acknowledgements given so far and closes the channel.
func (ch *channel) close() (err error) {
	ch.finish()
	ch.betweenReplies(func() { err = ch.amqp.Close() })
	return err
}

// cancel cancels the consumer, and returns the deliveries that the broker has sent to it, unless
// they are for Unhandled. If it fails, the channel is closed, which ends ch.deliveries as well.
func (ch *channel) cancel() {
	ch.betweenReplies(func() { ch.amqp.Cancel(ch.consumer, false) })
	for d := range ch.deliveries {
		delivery := ch.receive(&d)
		switch {
		case ch.cfg.Unhandled == nil || ch.amqp.IsClosed(): // a closed channel has returned them already
			delivery.Reject(true)
		case !ch.conn.resumed(delivery):
			ch.cfg.Unhandled(delivery)
		}
	}
}

// errReleased is the cause with which a consumer ends that closes its channel at once.
var errReleased = errors.New("released")

// release closes the channel without cancelling the consumer. The broker returns unsettled messages
// in their order.
func (ch *channel) release() {
	_ = ch.close() // an error means that it is closed
	for range ch.deliveries {
	}
}

// Lost returns a channel that is closed when the delivery can no longer be settled, because its
// connection or channel was closed. The broker then delivers the message again.
func (d *Delivery) Lost() <-chan struct{} { return d.home().closed }

// reply records that a delivery was replied to, and returns its channel.
func (d *Delivery) reply() *channel {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.replied = true
	return d.channel
}

// home returns the channel of a delivery.
func (d *Delivery) home() *channel {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel
}

const (
	orphansKept = 1000            // the number of settled orphans that wait for their messages
	orphanValid = 5 * time.Minute // how long they wait after the loss of their channel
)

// orphans are the deliveries whose channel was lost while they were being handled, by the
// fingerprints of their messages. The broker delivers these messages again, to this process or
// another. Each orphan takes up one delivery of the same message.
type orphans struct {
	mu      sync.Mutex
	byPrint map[fingerprint][]*orphan
	settled []*orphan // oldest first
}

// An orphan is a delivery without a channel.
type orphan struct {
	all   *orphans
	print fingerprint
	lost  time.Time

	// Guarded by orphans.mu.
	delivery *Delivery // nil once it is settled, when its body is no longer needed
	outcome  ackState
}

// A fingerprint identifies a message by what all deliveries of it have in common.
type fingerprint [sha256.Size]byte

// Fingerprint identifies the message of a delivery by what all deliveries of it have in common: its
// exchange, key, properties, headers and body.
func (d *Delivery) Fingerprint() [sha256.Size]byte { return fingerprintOf("", d) }

// Pin makes the delivery recognisable by its present content if the broker delivers its message
// again ([Consume].Resume). Call it before changing the delivery's fields.
func (d *Delivery) Pin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.channel != nil && d.channel.cfg.Resume && d.pinned == nil {
		print := fingerprintOf(d.channel.cfg.Queue, d)
		d.pinned = &print
	}
}

// print returns the fingerprint of a delivery whose mutex is held.
func (d *Delivery) print() fingerprint {
	if d.pinned != nil {
		return *d.pinned
	}
	return fingerprintOf(d.channel.cfg.Queue, d)
}

// fingerprintOf returns the fingerprint of a delivery. It leaves out the headers in which brokers
// count deliveries.
func fingerprintOf(queue string, d *Delivery) (sum fingerprint) {
	h, properties := sha256.New(), d.Properties
	properties.Headers = nil
	fmt.Fprintf(h, "%q %q %q %+v", queue, d.Exchange, d.Key, properties)
	names := make([]string, 0, len(d.Headers))
	for name := range d.Headers {
		if name != "x-delivery-count" && name != "x-acquired-count" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(h, " %q %T %v", name, d.Headers[name], d.Headers[name])
	}
	fmt.Fprintf(h, " %d ", len(d.Body))
	h.Write(d.Body)
	return fingerprint(h.Sum(nil))
}

// takeAcks returns the acknowledgements to write, and forgets their deliveries. mu is held.
func (ch *channel) takeAcks() (batch, bool) {
	if !ch.amqp.IsClosed() { // else they are not written
		for _, tag := range ch.acks.fresh {
			delete(ch.handled, tag)
		}
	}
	return ch.acks.take()
}

// abandon makes orphans of the deliveries of a closed channel that are still being handled, or
// whose acknowledgements were not written. It returns how many are still being handled.
func (o *orphans) abandon(ch *channel) (n int) {
	ch.mu.Lock()
	handled := ch.handled
	if handled != nil {
		ch.handled = make(map[uint64]*Delivery) // buffered deliveries may follow
	}
	ch.mu.Unlock()
	for _, d := range handled {
		d.mu.Lock()
		if d.channel == ch && o.add(d) {
			n++
		}
		d.mu.Unlock()
	}
	return n
}

// add makes an orphan of a delivery, and reports whether it is still being handled. The delivery's
// mutex is held.
func (o *orphans) add(d *Delivery) (handled bool) {
	outcome := d.outcome
	if outcome == requeued || outcome != unacknowledged && (d.first || d.replied) { // it must be handled again
		return false
	}
	d.orphan = &orphan{all: o, print: d.print(), lost: time.Now(), delivery: d}
	o.mu.Lock()
	if o.byPrint == nil {
		o.byPrint = make(map[fingerprint][]*orphan)
	}
	o.byPrint[d.orphan.print] = append(o.byPrint[d.orphan.print], d.orphan)
	o.mu.Unlock()
	if outcome != unacknowledged {
		d.orphan.settle(outcome)
		return false
	}
	return true
}

// settle records the outcome of an orphan. If it was returned to its queue, the message is handled
// again, and also if it was replied to, because the reply may be lost. The delivery's mutex is
// held.
func (r *orphan) settle(s ackState) {
	o := r.all
	o.mu.Lock()
	defer o.mu.Unlock()
	again := s == requeued || r.delivery != nil && r.delivery.replied
	r.delivery, r.outcome = nil, s
	if again {
		o.remove(r)
		return
	}
	o.settled = append(o.settled, r)
	for len(o.settled) > orphansKept || time.Since(o.settled[0].lost) > orphanValid && len(o.settled) > 1 {
		o.remove(o.settled[0])
		o.settled = o.settled[1:]
	}
}

// remove removes an orphan. mu is held.
func (o *orphans) remove(r *orphan) {
	rest := slices.DeleteFunc(o.byPrint[r.print], func(other *orphan) bool { return other == r })
	if o.byPrint[r.print] = rest; len(rest) == 0 {
		delete(o.byPrint, r.print)
	}
}

// take removes the oldest orphan of a message, and returns its delivery, or nil and the outcome if
// it is settled.
func (o *orphans) take(print fingerprint) (d *Delivery, outcome ackState, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.byPrint[print]) > 0 {
		r := o.byPrint[print][0]
		o.remove(r)
		if r.delivery != nil || time.Since(r.lost) <= orphanValid {
			return r.delivery, r.outcome, true
		}
	}
	return nil, unacknowledged, false
}

// none reports whether there are no orphans.
func (o *orphans) none() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.byPrint) == 0
}

// resumed reports whether again has the message of a delivery that is still being handled in this
// process, or was when its channel was lost. The earlier delivery then takes the place of again and
// settles it, so the message is not handled twice.
func (c *Conn) resumed(again *Delivery) bool {
	cfg := again.channel.cfg
	inStream := again.position != nil // a stream is read again from the first unsettled delivery
	if !cfg.Resume || !again.Redelivered && !inStream {
		return false
	}
	for _, ch := range c.lostChannels(cfg.Queue) { // their consumers may not know yet
		c.orphans.abandon(ch)
	}
	if c.orphans.none() {
		return false
	}
	first, outcome, ok := c.orphans.take(fingerprintOf(cfg.Queue, again))
	if !ok {
		return false
	}
	const message = "message delivered again while it is handled: it is not handled twice"
	if first == nil {
		c.log.Debug(message, "queue", cfg.Queue)
		again.settle(outcome)
		return true
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	if first.replied {
		return false
	}
	if first.outcome != unacknowledged { // it was settled meanwhile
		c.log.Debug(message, "queue", cfg.Queue)
		again.settle(first.outcome)
		return true
	}
	c.log.Debug(message, "queue", cfg.Queue)
	first.orphan, first.position = nil, again.position
	first.channel, first.tag = again.channel, again.tag
	first.channel.replace(first)
	return true
}

// replace makes d the delivery with its tag.
func (ch *channel) replace(d *Delivery) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.handled != nil {
		ch.handled[d.tag] = d
	}
}

// lostChannels returns the channels of consumers of a queue that are closed.
func (c *Conn) lostChannels(queue string) (lost []*channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for consumer := range c.consumers {
		if ch := consumer.channel; ch != nil && consumer.cfg.Queue == queue && ch.amqp.IsClosed() {
			lost = append(lost, ch)
		}
	}
	return lost
}

// timedOutText matches RabbitMQ's reason for closing a channel whose consumer_timeout has passed.
// The first group is the timeout.
var timedOutText = regexp.MustCompile(`delivery acknowledgement on channel \d+ timed out(?:.*Timeout value used: (\d+) ms)?`)

// consumerTimeout reports whether the broker closed a channel with err because a delivery was not
// acknowledged in time, and returns the broker's timeout, or 0 if the broker does not say it.
func consumerTimeout(err error) (timeout time.Duration, ok bool) {
	refusal := (*Error)(nil)
	if !errors.As(err, &refusal) {
		return 0, false
	}
	m := timedOutText.FindStringSubmatch(refusal.Text)
	if m == nil {
		return 0, false
	}
	ms, _ := strconv.Atoi(m[1])
	return time.Duration(ms) * time.Millisecond, true
}
