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
// Exchanges: direct, topic, fanout and headers, predeclared or declared, internal or
// auto-deleted, with an alternate exchange, bound to queues and to each other.
//
// Queues: durable, exclusive and auto-delete, classic or quorum (which counts deliveries,
// and knows x-delivery-limit); x-expires, x-message-ttl, x-max-length and
// x-max-length-bytes with x-overflow, x-max-priority, x-single-active-consumer, and
// dead-lettering with x-death, cycles broken. Their arguments are checked as RabbitMQ does.
//
// Messages: expiration, mandatory returns, CC and BCC, confirms, transactions, direct
// reply-to; acknowledgements, requeues to the old place, prefetch of a consumer or a
// channel, consumer priorities.
//
// A mistake of a client ends its channel or its connection with RabbitMQ's code and words.
// What RabbitMQ 3 allows and 4 refuses is allowed and logged as a warning.
//
// # Limits
//
// A client that does not read what it is sent holds up nobody but itself: its deliveries
// stay in their queues, and its requests wait. When the messages of all queues take more
// than Config.MaxMemory, whoever publishes is told connection.blocked and not read any
// further, until an eighth of it is free: as with RabbitMQ, a client does better to
// consume on another connection than it publishes on. Users' passwords are kept as
// salted hashes.
//
// # Management
//
// RabbitMQ's management API, which clients' tests and monitoring ask, is served on request,
// to this machine only:
//
//	addr, err := b.ListenManagement("127.0.0.1:15672")
//
// It has /api/overview, nodes, whoami, vhosts, users, permissions, connections, channels,
// consumers, queues, exchanges, bindings, aliveness-test and health/checks, to be read,
// made, deleted, purged, published to and got from where RabbitMQ allows it. What it tells
// is counted when it is asked for; rates and counts of what went by it has not.
//
// # What it has not
//
// Nothing is written to disk: a durable queue and a persistent message outlive their
// clients, not the broker. There is one process and no cluster: a quorum queue is what a
// client sees of one. There are no streams, policies or permissions, and a dead
// letter is dropped once its headers do not fit into a frame any more.
package broker
