package service

import (
	"context"
	"time"
)

// An Observer is notified of what happens in a container: which calls run, what they send, which
// connections are lost. Metrics and traces are made with it; see package observe and its
// subpackages. Set the functions that you need, and add the Observer with [Configure]:
//
//	service.Configure(service.Observer{
//		CallEnded: func(ctx context.Context, c service.ObservedCall) {
//			calls.With(c.Service, c.Method, c.Outcome.String()).Observe(c.Duration.Seconds())
//		},
//	})
//
// An extension that needs the [Host] adds its Observer with [Host.Observe]. If there are several,
// all are notified.
//
// The functions are called by many goroutines at once, in the middle of what they observe, so they
// must not block and must not call the service. A panic in one is logged, once for each function,
// and does not affect the call. Without an Observer, nothing is measured.
type Observer struct {
	// Bound is called once, when [New] has bound all rows. By then, [Host.Rows] has every row that the
	// functions below are called with, so labels and counters can be created in advance.
	Bound func(h *Host)

	// CallBegan is called when a call arrives, before it waits for a worker. The context that it
	// returns, which must be derived from ctx, becomes the call's context. CallBegan may set
	// c.Call.TraceID. Each CallBegan is followed by one CallEnded.
	CallBegan func(ctx context.Context, c ObservedCall) context.Context

	// CallStarted is called when the call has a worker, before the middleware and the method. It is
	// not called if the call ends before that. ctx is the call's.
	CallStarted func(ctx context.Context, c ObservedCall)

	// CallEnded is called when the call has ended. ctx is the call's.
	CallEnded func(ctx context.Context, c ObservedCall)

	// CallStuck is called when the method of a call still runs 5 s after the call has ended, for
	// example because it timed out.
	CallStuck func(ctx context.Context, c ObservedCall)

	// SendBegan is called before a message is sent: the request of an RPC client, an event, or a
	// message of a publisher. It may change m.Headers. The context that it returns, which must be
	// derived from ctx, is passed to SendEnded. Each SendBegan is followed by one SendEnded.
	SendBegan func(ctx context.Context, m Message) context.Context

	// SendEnded is called when the reply to an RPC has arrived, when the broker has confirmed an event
	// or a message, or when one of these has failed. It may be called by a different goroutine than
	// SendBegan.
	SendEnded func(ctx context.Context, m Message, took time.Duration, err error)

	// Retried is called when a failed message or request will be handled again.
	Retried func(ctx context.Context, f Failure)

	// Parked is called when a message or request has failed for the last time, and was moved to the
	// dead queue.
	Parked func(ctx context.Context, f Failure)

	// Dropped is called when a message or request has failed for the last time, and was
	// acknowledged without being kept.
	Dropped func(ctx context.Context, f Failure)

	// Connected is called when a connection to the broker is established, the first time and each time
	// after it was lost.
	Connected func(c Connection)

	// Disconnected is called when a connection to the broker was lost or closed.
	Disconnected func(c Connection)

	// SocketOpened and SocketClosed are called when a websocket of the process was opened and
	// closed.
	SocketOpened func(s ObservedSocket)
	SocketClosed func(s ObservedSocket)

	// TicksMissed is called when ticks of a timer were skipped because they were late. n is their
	// number.
	TicksMissed func(r *Row, n int)
}

// An ObservedCall is a call as an [Observer] sees it at one moment.
type ObservedCall struct {
	*Call
	Entry *Row // the row whose method is called

	// Header returns a header of the message or the HTTP request that the call came with. It is nil
	// if there is none.
	Header Header

	Began    time.Time     // when it arrived
	Started  bool          // it got a worker
	Waited   time.Duration // how long it waited for a worker; 0 until it has started
	Duration time.Duration // how long it ran, with its middleware and without Waited; 0 until it has ended
	Outcome  Outcome       // OK until it has ended
	Err      error         // what the method returned, or why it was not run; nil if it succeeded
}

// A Header has the headers that a call came with.
type Header interface {
	// Get returns the value of a header, or "" if there is none or it is not text. If a message has no
	// header with this name, Get returns its header nameko.<name>, the name under which Nameko passes
	// headers on.
	Get(name string) string
}

// A Message is a message that a process sends, as an [Observer] sees it.
type Message struct {
	Kind     string // the package that sends it: rpc, events or messaging
	Service  string // rpc: the service that is called; events: the one whose event it is; else ""
	Method   string // rpc: the method that is called; events: the event's type; else ""
	Exchange string
	Key      string // the routing key
	ID       string // rpc: the correlation id; else ""
	Size     int    // of the body, in bytes

	// Headers are those of the message. SendBegan may change them.
	Headers map[string]any
}

// A Failure is a message or request that has failed, as an [Observer] sees it.
type Failure struct {
	Entry   *Row
	Attempt int           // which attempt has failed, from 1
	After   time.Duration // Retried: how long it waits for its next attempt
	Reason  string        // Parked and Dropped: why there is no other attempt, in a word such as "unreadable"
	Err     error         // of the attempt
}

// A Connection is a connection to the broker, as an [Observer] sees it.
type Connection struct {
	Name    string        // as the broker lists it: orders@host/4711
	Purpose string        // what the process uses it for, such as "consuming"
	Broker  string        // its address, without a password
	Away    time.Duration // Connected: how long it was lost, 0 the first time
	Err     error         // Disconnected: why it was lost, nil if it was closed
}

// An ObservedSocket is a websocket, as an [Observer] sees it.
type ObservedSocket struct {
	ID     string
	Opened time.Time
}
