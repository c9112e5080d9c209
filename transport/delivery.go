package transport

import (
	"context"
	"errors"
)

// A Delivery is a message from a queue, to be settled once: later settlements are ignored. Its methods may be called
// in any goroutine.
type Delivery struct {
	Exchange    string
	Key         string
	Redelivered bool
	Properties
	Body []byte

	link      *link
	tag       uint64
	transient bool      // it says so: delivery mode 1
	position  *position // of the stream that it is of, nil if it is of none
	offset    int64     // there
}

// Ack acknowledges the delivery. Acknowledgements leave in batches: multiple for the finished prefix, single ones
// behind a gap. None waits longer than 1 ms for others, or for more than a quarter of the prefetch window, unless
// Consume.AckLater says that it may. An Ack that the connection was lost for does nothing: the broker delivers
// the message again.
func (d *Delivery) Ack() { d.settle(acked) }

// AckNow acknowledges the delivery and waits until the broker has heard of it: what is done then is done at most once. An
// error, [ErrConnectionLost] or ctx's cause, says that it may not have, and may deliver the message again.
func (d *Delivery) AckNow(ctx context.Context) error {
	d.Ack()
	return d.link.settled(ctx)
}

// Reject gives the delivery back to its queue, or drops it. A stream keeps it in any case, and takes an Ack for it.
func (d *Delivery) Reject(requeue bool) {
	if requeue {
		d.settle(requeued)
	} else {
		d.settle(dropped)
	}
}

func (d *Delivery) settle(v verdict) {
	if d.position != nil {
		d.position.settled(d.offset)
		v = acked // for another verdict RabbitMQ closes the connection
	}
	d.link.settle(d.tag, v)
}

// confirmedReply is the size of body, in bytes, above which a reply is confirmed.
const confirmedReply = 1 << 20

// Reply publishes p, never mandatory, on the channel the delivery came by, so that it is ahead of the delivery's Ack
// there and survives the death of this process. If that channel or connection is gone, it is sent by the connection
// that is there now and confirmed, as long as ctx allows. So is what a broker may refuse: a body over 1 MiB, and all
// that comes after a refused reply (403, 404). For a broker closes the delivery's channel over it, and delivers the
// message again: a second reply that closes it would make this go on without end.
// What cannot be sent (see [Conn.Publish]) is an error before anything is written. A reply to a message that says that it
// is transient (delivery mode 1) is so too.
func (d *Delivery) Reply(ctx context.Context, p Publishing) error {
	p.Mandatory = false
	p.Persistent = p.Persistent && !d.transient
	c := d.link.consumer
	message, err := c.conn.encode(&p)
	if err != nil {
		return err
	}
	if len(p.Body) <= confirmedReply && !c.wary.Load() {
		if err = d.link.publish(ctx, &p, message); !errors.Is(err, errGone) {
			return err
		}
	}
	return c.conn.Publish(ctx, p)
}
