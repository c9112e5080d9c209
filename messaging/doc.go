// Package messaging consumes queues and publishes to exchanges.
//
// It is for messages that are neither RPC nor events: queues and exchanges of other programs, in
// Python, Go or anything else that speaks AMQP.
//
// # Consumer
//
// A [Consumer] is a row. Its method is called for each message of a queue:
//
//	Entrypoints struct {
//		Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.created"`
//		Import messaging.Consumer `messaging:"legacy.import" declare:"false"`
//	}
//
//	func (b *Billing) Bill(ctx context.Context, order Order) error
//	func (b *Billing) Import(ctx context.Context, message messaging.Message) error // any body
//
// # Publisher
//
// A [Publisher] is a field: a func that publishes a message.
//
//	Bills messaging.Publisher `messaging:"shop" kind:"topic" key:"order.created"`
//
//	err := o.Bills(ctx, order)
//
// It returns when the broker has confirmed the message; several calls at once do not wait for each
// other's confirms. While the broker is away, it waits. It therefore needs none of Nameko's options
// use_confirms, retry and retry_policy.
//
// # Declare
//
// The tags declare a durable queue, an exchange and one binding. [Declare] declares everything
// else. Pass it to the container as an option, beside the services:
//
//	messaging.Declare(
//		messaging.Exchange{Name: "shop", Kind: messaging.Topic},
//		messaging.Queue{Name: "bills", Type: messaging.Quorum, Bindings: []messaging.Binding{
//			{Exchange: "shop", Key: "order.created"},
//			{Exchange: "shop", Key: "order.paid"},
//		}},
//	)
//
// The row names the queue: `messaging:"bills"`.
//
// # What happens to a message
//
//   - The call returned no error: the message is acknowledged.
//   - The call failed: the error is logged and the message is acknowledged, as in Nameko. With
//     requeue:"true" it is delivered again: at once the first time, then after 0.1 s and more,
//     up to 10 s. With retry:"1s 10s*3 10m" it is handled again after these delays, and parked in a
//     dead queue when the last attempt has failed, or at once if the error is an expected one of
//     the method itself.
//   - The message cannot be read, because its codec is not accepted, it is too large, or it does
//     not fit the parameter: it is logged, with the beginning of its body, and acknowledged. With
//     retry it is parked.
//   - The process stops before the call has ended: the message returns to the queue.
//
// A method can decide this itself with [service.RetryAfter], [service.Park] and [service.Drop].
// With ack:"early" a message is acknowledged before its call, so it is handled at most once.
// docs/failures.md explains how to choose the delays, and what is guaranteed.
//
// A row holds as many messages as it runs calls at once: the service's MaxWorkers, or its own
// max_workers. A call that waits for another call lends its worker ([service.Lend]), but its
// message still counts.
//
// # Streams
//
// A stream keeps its messages, and each row reads it from its own position:
//
//	Audit messaging.Consumer `messaging:"audit" from:"first"`
//
//	messaging.Declare(messaging.Queue{Name: "audit", Type: messaging.Stream})
//
// After a lost connection, a row continues with the first message whose call has not ended, so
// messages may be delivered twice; they are not marked as redelivered. After a restart, it begins
// again where the key from says. To continue where the process stopped, store the position of each
// message, message.Headers["x-stream-offset"].
//
// # Codecs
//
// A payload is decoded with the codec that its content_type names, if [transport.Config].Accept has
// that codec, and encoded with [transport.Config].Codec. Package codec describes how Go's types are
// encoded.
//
// # Connections
//
// All rows of a process consume on one connection; its publishers publish on another one, which RPC
// and events also use. A broker that is low on memory stops reading from connections that publish;
// acknowledgements still reach it.
//
// # Extensions
//
// [Subscribe] makes the entrypoint of an extension's row that consumes a queue; events.Handler uses
// it.
package messaging
