package transport

import "context"

// Consume describes a consumer of a queue.
type Consume struct {
	Queue    string
	Prefetch int // deliveries unacknowledged at once; 0 is no limit
	// Handle is called for each delivery in order, by one goroutine of the consumer's.
	// It must settle the delivery sooner or later (Ack, Reject), in any goroutine.
	// While it blocks, nothing further is delivered to this consumer.
	Handle func(*Delivery)
}

// A Consumer receives a queue's deliveries on a channel of its own; it consumes again after
// a redial, and after the broker cancelled it (a queue deleted and declared again).
type Consumer struct{}

// Consume starts a consumer. A refusal of the broker (404, 403, 405) is an *Error.
func (c *Conn) Consume(ctx context.Context, cfg Consume) (*Consumer, error) { panic("sketch") }

// Cancel ends delivery: when it returns no Handle call is running or to come; what was
// delivered by then may still be settled and replied to until Close. What the broker
// had sent ahead and was not handed to Handle is given back to the queue.
func (c *Consumer) Cancel(ctx context.Context) error { panic("sketch") }

// Close ends delivery, writes the acknowledgements that are outstanding, and closes the channel:
// what was not settled goes back to the broker.
func (c *Consumer) Close(ctx context.Context) error { panic("sketch") }

// A Delivery is a message from a queue, to be settled once: later settlements are ignored.
type Delivery struct {
	Exchange    string
	Key         string
	Redelivered bool
	Properties
	Body []byte
}

// Ack acknowledges the delivery. Acknowledgements leave in batches: multiple for the finished
// prefix, single ones behind a gap, and none is ever withheld. An Ack that the connection was
// lost for does nothing: the broker delivers the message again.
func (d *Delivery) Ack() { panic("sketch") }

// Reject gives the delivery back to its queue, or drops it.
func (d *Delivery) Reject(requeue bool) { panic("sketch") }

// Reply publishes p on the channel the delivery came by, so that it is ahead of the delivery's
// Ack there and survives the death of this process. If that channel or connection is gone, it
// is sent by the connection that is there now, as long as ctx allows.
// What cannot be sent (see [Conn.Publish]) is an error before anything is written.
func (d *Delivery) Reply(ctx context.Context, p Publishing) error { panic("sketch") }
