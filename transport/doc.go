// Package transport has connections to an AMQP 0-9-1 broker that stay: they redial by themselves, declare and consume
// again, and never settle a message that is no longer theirs. Packages above it never see a socket come and go, but
// they are told what was lost with it.
//
// # Conn
//
// [Dial] fails with what to do about it if the broker cannot be reached or refuses the login. Later losses are mended
// without end; until then whoever needs the broker waits, no longer than its ctx:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost:5672/", Name: "orders@host/1"})
//	…
//	err = conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: "orders", Durable: true}}})
//
// # Publishing
//
// [Conn.Publish] waits for the broker's confirm, [Conn.Send] has it reported. Both know a mandatory message that no
// queue took ([*Returned]) from one whose fate a lost connection has hidden ([ErrConnectionLost]), and both refuse
// what would make the broker close the channel before anything is written:
//
//	err := conn.Publish(ctx, transport.Publishing{Key: "orders", Mandatory: true, Body: body})
//
// # Consumer and Delivery
//
// A [Consumer] hands deliveries to one function, in order; they are settled whenever and wherever their work is done.
// [Delivery.Ack] costs no write of its own: acknowledgements leave together, as many as are there. A [Delivery.Reply]
// is always ahead of the acknowledgement that follows it:
//
//	consumer, err := conn.Consume(ctx, transport.Consume{Queue: "orders", Prefetch: 100, Handle: func(d *transport.Delivery) {
//		go func() {
//			…
//			d.Reply(ctx, transport.Publishing{Key: d.ReplyTo, Body: answer})
//			d.Ack()
//		}()
//	}})
//
// A delivery belongs to the socket it came by. When that is lost the broker delivers it again, Redelivered, and what
// is done to the old one is without effect, but for a Reply, which goes by the new socket.
//
// # Codec
//
// [JSON] turns values into bodies and back as Nameko's fleet does: 2.0 stays a float, and an int takes it.
package transport
