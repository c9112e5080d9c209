package web

import (
	"context"
	"errors"

	"github.com/gomeko/gomeko/service"
)

// A Fleet joins the hub of a process with those of the other processes, if [Config].Hub is "fleet".
// Package fleet has one, for AMQP; package runner and package servicetest configure it. Other
// programs add it to their services:
//
//	service.Configure(web.Config{Hub: "fleet"}), service.Configure(fleet.Hub())
//
// A Fleet is called while the application is made. peer is the hub of the process. The backplane
// has what the container starts and stops, by [service.Shared].
type Fleet func(h *service.Host, peer Peer) (Backplane, error)

// A Backplane carries messages between the hubs of the processes of a fleet. It does not know what
// they mean. Its methods may be called concurrently.
type Backplane interface {
	// Listen has the process receive the messages of a topic, until Unlisten. It does not wait for
	// that: [Peer].Listening is told.
	Listen(topic string)
	Unlisten(topic string)

	// Publish sends a message to the processes that listen to its topic, in the order of the calls.
	// It does not block. The error says that the message is not sent, because too many wait; it
	// matches [ErrBackplane].
	Publish(m Message) error

	// Wait returns when there is room for a message, or the connection to the fleet is lost, or ctx
	// ends.
	Wait(ctx context.Context)

	// Ask sends a message, and returns false if no process listens to its topic. It waits until
	// that is known, or ctx ends.
	Ask(ctx context.Context, m Message) (bool, error)
}

// A Peer is the hub of a process, as its [Backplane] sees it. None of its methods blocks.
type Peer interface {
	// Topic is a topic that the process listens to as long as it runs, "" if it need not: it has
	// neither websockets nor feeds. Replies to its questions come by it.
	Topic() (topic string, always bool)

	// Received is called for each message, in the order of arrival.
	Received(m Message)

	// Listening is called when the process begins to listen to topics, after a loss too.
	Listening(topics []string)

	// Lost is called when the connection is lost: the process listens to nothing until Listening is
	// called.
	Lost()

	// Unsent is called when messages of the hub on a topic, from a sequence on, may have been lost
	// on their way to others.
	Unsent(topic string, since uint64)
}

// ErrBackplane is the error of a Broadcast that has reached the clients of its own process only,
// because the connection to the other processes is lost and too much waits for it. Their clients
// get a reset.
var ErrBackplane = errors.New("the event was sent to the clients of this process only: the connection to the fleet is lost, and too many events wait for it")

// A Message is what a [Backplane] carries. docs/wire/hub.md describes it.
type Message struct {
	Topic string // which processes receive it
	Kind  string // what it is for: "event", "mark", "ask", "answer"

	// These are for events and marks.
	Origin  string // 8 bytes that identify the hub that sent it
	Seq     uint64 // counts the origin's messages on the topic, from 1 on
	Channel string
	Event   string
	Gap     uint64 // the first of the origin's messages on the topic that may be lost; 0 if none is

	// These are for questions and answers.
	ID      string // an answer has that of its question
	ReplyTo string // the topic of answers
	Socket  string // the ID of the socket that is asked about

	Body []byte // JSON
}
