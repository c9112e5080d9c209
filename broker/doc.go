// Package broker is an AMQP 0-9-1 broker within a Go process, for development, tests and small
// set-ups. It keeps everything in memory, so messages are lost when it stops. It behaves like
// RabbitMQ 3.10, with the same reply codes and texts. In production, use RabbitMQ.
//
// # Over TCP
//
// Any AMQP 0-9-1 client can connect: amqp091-go, Python's kombu and pika, Nameko.
//
//	b := broker.New(broker.Config{})
//	addr, err := b.Listen("127.0.0.1:5672")
//	…
//	defer b.Close(ctx)
//
// # In memory
//
// Clients within the process need no port, and tests can run in a testing/synctest bubble.
//
//	conn, err := amqp.DialConfig("amqp://", amqp.Config{
//		Dial: func(string, string) (net.Conn, error) { return b.Dial(ctx) },
//	})
//
// # What it supports
//
// Exchanges: direct, topic, fanout and headers; predeclared and declared, internal, auto-delete;
// with an alternate exchange; bound to queues and to other exchanges.
//
// Queues: durable, exclusive and auto-delete; classic, and quorum with x-delivery-limit; x-expires,
// x-message-ttl, x-max-length and x-max-length-bytes with x-overflow, x-max-priority,
// x-single-active-consumer, and dead-lettering with x-death and detection of cycles, from quorum
// queues also at least once. Arguments are checked as in RabbitMQ.
//
// Messages: expiration, mandatory returns, CC and BCC, confirms, transactions, direct reply-to;
// acknowledgements, requeueing to the old position, prefetch of a consumer or a channel, consumer
// priorities.
//
// A client's error closes its channel or its connection with RabbitMQ's code and text. The broker
// accepts what RabbitMQ 3 accepts and RabbitMQ 4 refuses, and logs a warning.
//
// # Users
//
// Without Config.Users, the only user is guest. Config.Access sets the virtual hosts that a user may
// use, its permissions to configure, write and read in each, and its limits of connections and
// channels. The log names each connection's user, virtual host, address and client-given name.
// Passwords are stored as salted hashes.
//
// # Limits
//
// A client that does not read does not delay other clients: its deliveries stay in their queues,
// and its requests wait. When clients use more than Config.MaxMemory, publishings wait until an
// eighth of the memory is free, and their clients receive connection.blocked. Unlike RabbitMQ, the
// broker continues to serve a blocked client: its other channels, and acknowledgements and cancels
// on the channel of the publishing. It still accepts publishings that help to free memory: those to
// consumers that can take them at once, and those of clients that hold deliveries, up to about as
// many bytes as they hold.
//
// # Management
//
// The broker can serve RabbitMQ's management API to this machine:
//
//	addr, err := b.ListenManagement("127.0.0.1:15672")
//
// It has overview, nodes, whoami, vhosts, users, permissions, connections, channels, consumers,
// queues, exchanges, bindings, aliveness-test and health/checks under /api; docs/broker.md lists
// the paths and methods. Each request counts anew. The API reports no rates and no message
// statistics.
//
// # What it does not support
//
// Nothing is written to disk: durable queues and persistent messages outlive their clients, but not
// the broker. The broker is one process, so quorum queues are not replicated. It does not implement
// streams, policies or topic permissions. A dead letter is dropped if its headers no longer fit into
// a frame.
package broker
