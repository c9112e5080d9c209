// Package transport keeps a connection to an AMQP 0-9-1 broker. When the connection is lost, it
// reconnects, declares the topology again and resumes consuming. A delivery from a lost connection
// is never acknowledged on a new one. Callers don't see individual sockets; operations that were in
// flight fail with [ErrConnectionLost].
//
// # Connecting
//
// [Dial] returns an error if the broker is unreachable or rejects the login; the error says what to
// change. Once connected, the [Conn] reconnects until it is closed. While it is disconnected,
// operations block until the connection is back or their context ends:
//
//	conn, err := transport.Dial(ctx, transport.Config{
//		URI:  "amqp://guest:guest@localhost:5672/",
//		Name: "orders@host/1",
//	})
//	…
//	err = conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: "orders", Durable: true}}})
//
// After every reconnect, the Conn declares again what was declared before. It also does so every
// [Config].TopologyCheck, and when a publishing finds that a part was deleted at the broker.
// [Conn.Delete] ends that for a queue.
//
// # URIs
//
// [Config].URI is amqp://user:password@host:port/vhost. It is read as kombu reads it: pyamqp is the
// same as amqp, missing parts have RabbitMQ's defaults, special characters are written as %XX, and
// without a path, or with "/", the vhost is "/".
//
// A list of URIs names several brokers. A host without a scheme shares the rest of the URI before
// it. When the connection to one broker is lost, the next one is tried:
//
//	amqp://orders:secret@rabbit1/shop;amqp://orders:secret@rabbit2:5673/shop
//	pyamqp://orders:secret@rabbit1/shop;rabbit2;rabbit3
//
// Parameters have the names that RabbitMQ's clients use, and take precedence over Config. An
// unknown parameter is an error:
//
//	heartbeat               seconds between heartbeats, unless the broker asks for fewer
//	connection_timeout      milliseconds for connect, TLS and login; default 10000
//	connect_timeout         the same in seconds, as in kombu
//	auth_mechanism          plain, amqplain or external; also login_method, as in kombu
//	cacertfile              PEM file of the CAs to trust
//	certfile, keyfile       PEM files of the client's certificate and its key
//	server_name_indication  the name that the broker's certificate must be valid for
//	verify                  verify_peer or verify_none
//
// # TLS
//
// The scheme amqps uses TLS with the system's CAs. Config.TLS sets anything else; [ReadTLS] makes
// it from Nameko's AMQP_SSL. With the login method EXTERNAL, the client's certificate replaces the
// password:
//
//	cfg, err := transport.ReadTLS(map[string]any{
//		"ca_certs": "ca.pem", "certfile": "orders.pem", "keyfile": "orders.key",
//	})
//	…
//	conn, err := transport.Dial(ctx, transport.Config{
//		URI: "amqps://rabbit/shop", TLS: cfg, LoginMethod: "EXTERNAL",
//	})
//
// # Publishing
//
// [Conn.Publish] waits for the broker's confirm; [Conn.Send] reports it to a function:
//
//	err := conn.Publish(ctx, transport.Publishing{Key: "orders", Mandatory: true, Body: body})
//
// Their errors distinguish a mandatory message that reached no queue ([*Returned]) from one whose
// outcome is unknown because the connection was lost ([ErrConnectionLost]). A publishing that would
// make the broker close the channel fails before anything is written.
//
// The broker still closes a channel if the exchange of a publishing does not exist, or the user may
// not write to it. Therefore each exchange has a channel, and such a refusal does not affect
// publishings to other exchanges. All callers of Publish and Send share these channels.
// [Conn.Publisher] makes a [Publisher] with separate ones, for a part of a program that others must
// not disturb.
//
// # Consuming
//
// A [Consumer] passes deliveries to one function, in order. Each [Delivery] may be settled later,
// by any goroutine:
//
//	consumer, err := conn.Consume(ctx, transport.Consume{
//		Queue:    "orders",
//		Prefetch: 100,
//		Handle: func(d *transport.Delivery) {
//			go func() {
//				…
//				d.Reply(ctx, transport.Publishing{Key: d.ReplyTo, Body: answer})
//				d.Ack()
//			}()
//		},
//	})
//
// [Delivery.Reply] publishes before the acknowledgement that follows it. [Delivery.Ack] does not
// wait: acknowledgements are collected and written together.
//
// A delivery belongs to the connection that it came from. When that is lost, the broker delivers
// the message again, with Redelivered set. Settling the old delivery then does nothing, while Reply
// publishes on the new connection.
//
// # Refusals of the broker
//
// An [Error] has the broker's text and what to do: which permission to grant, which vhost to
// create, which queue to declare first. [Dial], [Conn.Declare], [Conn.Consume] and [Conn.Publish]
// return it. A refusal after a reconnect is logged once, at level ERROR, and the operation is tried
// again, with backoff, until the broker accepts it. When the broker blocks publishers
// (connection.blocked), that is logged, and it is part of the error of a publisher whose context
// ends meanwhile.
//
// # Codecs
//
// [Config].Codec encodes what is sent, and [Config].Accept holds the codecs that received messages
// may use; see package codec. A Conn does not encode or decode: [Publishing].Body and
// [Delivery].Body are bytes.
package transport
