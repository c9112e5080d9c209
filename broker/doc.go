// Package broker is an AMQP 0-9-1 broker in a Go process: for development, tests and
// small set-ups. It keeps everything in memory, and all is gone when it stops; a fleet
// runs on RabbitMQ, in whose words and codes it answers.
//
// # Over TCP
//
// Any client of AMQP 0-9-1 can join: amqp091-go, Python's kombu and pika, Nameko.
//
//	b := broker.New(broker.Config{})
//	addr, err := b.Listen("127.0.0.1:5672")
//	…
//	defer b.Close(ctx)
//
// # In memory
//
// Within the process no port is needed, and tests may run in a testing/synctest bubble.
//
//	conn, err := amqp.DialConfig("amqp://", amqp.Config{
//		Dial: func(string, string) (net.Conn, error) { return b.Dial(ctx) },
//	})
//
// # What it has
//
// Direct, topic and fanout exchanges; durable, exclusive and auto-delete queues with
// x-expires; messages with an expiration; mandatory returns and publisher confirms;
// acknowledgements, requeues to the old place, and prefetch of a consumer or a channel;
// heartbeats; PLAIN and AMQPLAIN logins. A mistake of a client ends its channel or its
// connection with RabbitMQ's code and words. What RabbitMQ 3 allows and 4 refuses is
// allowed and logged as a warning.
//
// A client that does not read what it is sent holds up nobody but itself: its deliveries
// stay in their queues, and its requests wait.
//
// # What it has not
//
// Nothing is written to disk: a durable queue and a persistent message outlive their
// clients, not the broker. There is one process and no cluster. Headers exchanges,
// exchange-to-exchange bindings and transactions are answered with NOT_IMPLEMENTED;
// arguments of a queue other than x-expires are kept and compared, and do nothing.
package broker
