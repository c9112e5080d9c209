package messaging

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Server handles the messages of a queue that several rows share, and decides how each is
// settled. It is for extensions whose rows do not have a queue each, such as jobs. [Serve] makes
// its entrypoint.
type Server interface {
	// Topology returns what is declared when the container starts, and after each reconnect.
	Topology() transport.Topology

	// Workers returns how many messages the process may hold.
	Workers() int

	// Serve handles a message. It is called by many goroutines at the same time.
	Serve(ctx context.Context, t *Task) End
}

// A Task is a message that a [Server] handles.
type Task struct {
	// Delivery is a copy of the message as it was published first, which must not be settled. What
	// Serve changes in its properties stays changed when the message waits or is parked.
	*transport.Delivery

	Attempt   int             // the number of the call, from 1 on
	Deaths    int             // how many processes have ended while they handled it
	Withdrawn <-chan struct{} // closed when the row pauses: a message without a worker is given back

	// Killed means that too many processes have ended. The message must not be handled any more: it is
	// parked, whatever Serve returns.
	Killed bool

	message received
}

// An End is how a [Task] is settled. The zero value gives the message back to its queue.
type End struct {
	Fate  Fate
	Row   *service.Row  // whose call has failed; nil is the row of [Serve]
	Delay time.Duration // of Delayed and Retried: each that is used is a queue of the broker
	Err   error         // of Retried, Parked and Dropped

	// Reason says why a message is parked or dropped: "exhausted", "asked", "expected" or
	// "unreadable", as docs/wire/failures.md has them.
	Reason string
}

// A Fate is the way in which a message is settled.
type Fate int

// The fates.
const (
	GivenBack Fate = iota // to the queue: the call did not run to its end
	Handled               // it is acknowledged
	Dropped               // it is acknowledged although its call has failed
	Delayed               // it comes back after Delay. That is no attempt
	Retried               // it comes back after Delay, for the next attempt
	Parked                // it is moved to the dead queue
)

// Serve returns the entrypoint of a queue that several rows share. r is one of them, for what is
// said of the queue as a whole. Messages that wait come back by the retry queue, as those of
// [Subscribe] do that are retried, and one that ends three processes is parked.
func Serve(r *service.Row, queue string, s Server) (service.Entrypoint, error) {
	sub := &subscriber{Subscription: Subscription{Queue: queue, Retry: service.LaterDelays()}, row: r, server: s}
	if _, err := connection.Publishing(r.Host); err != nil {
		return nil, err
	}
	return sub, sub.share()
}

// serve has the server handle a message, and settles it.
func (s *subscriber) serve(ctx context.Context, m received) {
	t := s.task(m)
	var end End
	defer func() { s.end(ctx, t, end) }() // also if the server ends the goroutine
	end = s.server.Serve(ctx, t)
}

// task returns a message for the server.
func (s *subscriber) task(m received) *Task {
	first := &transport.Delivery{
		Exchange: m.first.Exchange, Key: m.first.Key, Redelivered: m.first.Redelivered, Properties: m.first.Properties, Body: m.first.Body,
	}
	if first.Headers = maps.Clone(first.Headers); first.Headers == nil {
		first.Headers = transport.Table{}
	}
	m.first = first
	return &Task{Delivery: first, Attempt: m.attempt.Number, Deaths: m.attempt.Returns, Withdrawn: s.pauses.signal(), message: m}
}

// end settles the message of a task.
func (s *subscriber) end(ctx context.Context, t *Task, end End) {
	m := t.message
	f := &failure{received: m, row: cmp.Or(end.Row, s.row), err: end.Err, reason: deadletter.Reason(end.Reason), delay: end.Delay, waits: end.Fate == Delayed}
	if f.err != nil {
		if ended := s.row.Apart(f.describe); ended != nil { // the methods of an error are the service's code
			f.kind, f.text = fmt.Sprintf("%T", f.err), ended.Error()
		}
	}
	switch end.Fate {
	case Handled:
		m.Ack()
	case Dropped:
		s.drop(ctx, f)
	case Delayed, Retried:
		s.retries.retry(ctx, f)
	case Parked:
		s.retries.park(ctx, f)
	default:
		s.suspects.giveBack(ctx, m)
	}
}

// tell tells the server of a message that is parked because it has ended processes. If that ends
// some more, the server is not told again.
func (s *subscriber) tell(ctx context.Context, m received) {
	if s.server != nil && m.attempt.Returns < 2*maxDeaths {
		t := s.task(m)
		t.Killed = true
		s.server.Serve(ctx, t)
	}
}
