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
// What is declared is declared again on each new connection; a queue, until [Conn.Delete] deletes it.
//
// # URIs
//
// A [Config].URI is amqp://user:password@host:port/vhost, read as kombu reads it: pyamqp is amqp, what is not given has
// RabbitMQ's default, %XX stands for characters with a meaning of their own, and "/" or nothing is the vhost "/". Several
// make a list, and a host alone has all else from the URI before it. A lost broker is followed by the next one:
//
//	amqp://orders:secret@rabbit1/shop;amqp://orders:secret@rabbit2:5673/shop
//	pyamqp://orders:secret@rabbit1/shop;rabbit2;rabbit3
//
// Parameters are those of RabbitMQ's clients, and override what Config says; any other is an error:
//
//	heartbeat               seconds between heartbeats, if the broker does not want fewer
//	connection_timeout      milliseconds for connect, TLS and login; 10000 unless given (kombu: connect_timeout, seconds)
//	auth_mechanism          plain, amqplain or external (kombu: login_method)
//	cacertfile              PEM file of the CAs to trust
//	certfile, keyfile       PEM files of the client's certificate and its key
//	server_name_indication  the name that the broker's certificate must have
//	verify                  verify_peer, or verify_none
//
// # TLS
//
// amqps is TLS with the system's CAs. Config.TLS is TLS with what you want; [ReadTLS] makes it of Nameko's AMQP_SSL. With
// a client's certificate the login itself may be by it, LoginMethod EXTERNAL:
//
//	secured, err := transport.ReadTLS(map[string]any{"ca_certs": "ca.pem", "certfile": "orders.pem", "keyfile": "orders.key"})
//	…
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqps://rabbit/shop", TLS: secured, LoginMethod: "EXTERNAL"})
//
// # What a broker refuses
//
// An [Error] has the broker's words and what to do: the right to grant, the vhost to make, the queue to declare first.
// From [Dial], [Conn.Declare], [Conn.Consume] and [Conn.Publish] it is returned. What is refused later, after a redial,
// is logged at ERROR and tried again with the back-off of redials until it is granted. A broker that blocks publishers
// (connection.blocked) is logged, and is part of the error of a publisher whose ctx ends by it.
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
// # Codecs
//
// [Config].Codec encodes what is sent, and [Config].Accept holds the codecs that received messages may use; see package
// codec. A Conn does not encode or decode: [Publishing].Body and [Delivery].Body are bytes.
package transport
