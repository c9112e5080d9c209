package web

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/service"
)

// A Fleet connects the hub of a process with the hubs of other processes if [Config].Hub is
// "fleet". Package fleet provides one for AMQP; packages runner and servicetest configure it. Other
// programs add it to their services:
//
//	service.Configure(web.Config{Hub: "fleet"}), service.Configure(fleet.Hub())
//
// A Fleet is called while the application is built. peer is the hub of this process. The Fleet uses
// [service.Shared] to register what the container must start and stop.
type Fleet func(h *service.Host, peer Peer) (Backplane, error)

// A Backplane carries messages between the hubs of the processes of a fleet. It does not interpret
// them. Its methods may be called concurrently.
type Backplane interface {
	// Listen subscribes the process to the messages of a topic until Unlisten. It returns at once;
	// [Peer].Listening is called when the subscription is active.
	Listen(topic string)
	Unlisten(topic string)

	// Publish sends a message to the processes that listen to its topic, in the order of the calls.
	// It does not block. If too many messages are waiting to be sent, it drops this one and returns
	// an error that matches [ErrBackplane].
	Publish(m Message) error

	// Wait blocks until there is room for a message, the connection to the fleet is lost, or ctx
	// ends.
	Wait(ctx context.Context)

	// Ask sends a message and reports whether a process listens to its topic. It blocks until that
	// is known or ctx ends.
	Ask(ctx context.Context, m Message) (bool, error)
}

// A Peer is the hub of a process as its [Backplane] sees it. None of its methods blocks.
type Peer interface {
	// Topic returns the topic on which the process receives answers to its questions. If always is
	// true, the process listens to it as long as it runs; it need not if it has neither websockets
	// nor feeds.
	Topic() (topic string, always bool)

	// Received is called for each message, in the order of arrival.
	Received(m Message)

	// Listening is called when the process has begun to listen to topics, also after a reconnect.
	Listening(topics []string)

	// Lost is called when the connection is lost. The process receives nothing until Listening is
	// called again.
	Lost()

	// Unsent is called when messages of the hub on a topic, from a sequence on, may have been lost
	// on their way to others.
	Unsent(topic string, since uint64)
}

// ErrBackplane is the error of a Broadcast that reached only the clients of its own process,
// because the connection to the other processes is lost and too many messages wait to be sent. The
// clients of the other processes get a reset.
var ErrBackplane = errors.New("the event was sent to the clients of this process only: the connection to the fleet is lost, and too many events wait for it")

// A Message is what a [Backplane] carries. docs/wire/hub.md describes it.
type Message struct {
	Topic string // the processes that receive it
	Kind  string // what it is for: "event", "mark", "ask", "answer"

	// The following fields are for events and marks.
	Origin  string // 8 bytes that identify the hub that sent it
	Seq     uint64 // counts the origin's messages on the topic, starting at 1
	Channel string
	Event   string
	Gap     uint64 // the first of the origin's messages on the topic that may be lost; 0 if none

	// The following fields are for questions and answers.
	ID      string // an answer has the ID of its question
	ReplyTo string // the topic for the answer
	Socket  string // the ID of the socket in question

	Body []byte // JSON
}
