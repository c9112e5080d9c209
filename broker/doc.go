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
// # What it is not
//
// Nothing is written to disk: a durable queue and a persistent message outlive their
// clients, not the broker. There is one process and no cluster.
package broker
