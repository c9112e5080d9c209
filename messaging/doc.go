// Package messaging is what becomes of messages in queues: it consumes them, makes each a call of a service's method, and
// settles it when the call has ended. Rows of other packages, events.Handler among them, are made of it; its own are for what
// is no RPC and no event: exchanges and queues of others.
//
// # Consumer
//
// A [Consumer] is a row that takes the messages of any queue, declared with any arguments or taken as it is:
//
//	Entrypoints struct {
//		Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.created"`
//		Import messaging.Consumer `messaging:"legacy.import" declare:"false"`
//	}
//
//	func (b *Billing) Bill(ctx context.Context, order Order) error
//	func (b *Billing) Import(ctx context.Context, message messaging.Message) error // whatever its body is
//
// # Streams
//
// A stream of RabbitMQ keeps its messages, and each row reads it from where it likes:
//
//	Audit messaging.Consumer `messaging:"audit" arguments:"x-queue-type=stream" from:"first"`
//
// After a lost connection a row goes on at the first message whose call has not ended. Messages may come twice then, and are not marked
// as redelivered. A process that starts begins at from: who is to go on keeps message.Headers["x-stream-offset"], which is
// where a message stands, and knows by it what has been done.
//
// # Publisher
//
// A [Publisher] is a field, and a func, that publishes to an exchange or a queue:
//
//	Bills messaging.Publisher `messaging:"shop" kind:"topic" key:"order.created"`
//
//	err := o.Bills(ctx, order)
//
// # Subscription
//
// A [Subscription] is a queue with what has to be declared for it; [Subscribe] makes it the entrypoint of a row:
//
//	return messaging.Subscribe(f, messaging.Subscription{
//		Queue:    "audit",
//		Topology: transport.Topology{Queues: []transport.Queue{{Name: "audit", Durable: true}}},
//	}, func(d *transport.Delivery) Entry { return Entry{d.Key} })
//
// # What becomes of a message
//
// A message whose call returned without an error is acknowledged. One whose call failed is in the log, and is acknowledged
// too, as in Nameko; with Requeue it is given back to the queue at once. One that cannot be read, because it is in a codec that
// is not accepted, too large, or does not fit the method's type, is no call: it is logged with its head and acknowledged in
// any case, for it would never fit. One that the end of the process has interrupted goes back to the broker. None of them
// stops a consumer.
//
// A process holds as many messages of a queue as the service has workers, or as the row's max_workers says if that is less. A
// method that waits for a call of its own, be it to its own service, lends its worker ([service.Lend]), so that nobody waits for
// ever; but it is still one of those.
//
// # Codecs
//
// Messages are read in every codec that [transport.Config].Accept has, and published in its Codec: Nameko's ACCEPT and
// serializer. What Go's types are there is in package transport, under Values. A body that says that it is compressed is inflated.
//
// Publishings are confirmed and pipelined: each waits for its own confirm, none for that of another. There is no use_confirms, retry
// or retry_policy as in Nameko: while the broker is away a publishing waits for it, as long as its ctx does.
//
// # Connections
//
// All rows of a process consume on one connection, and all fields publish on another: a broker that runs out of memory
// stops reading from connections that publish, and acknowledgements have to reach it.
package messaging
