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

// A Server handles the messages of a queue that several rows share, and decides how each message is
// settled. It is for extensions whose rows do not each have a queue, such as jobs. [Serve] makes
// its entrypoint.
type Server interface {
	// Topology returns the topology to declare when the container starts, and after each reconnect.
	Topology() transport.Topology

	// Workers returns how many messages the process may hold.
	Workers() int

	// Serve handles a message. Many goroutines call it at the same time.
	Serve(ctx context.Context, t *Task) End
}

// A Task is a message that a [Server] handles.
type Task struct {
	// Delivery is a copy of the message as it was first published; it must not be settled. Changes
	// that Serve makes to its properties are kept when the message waits or is parked.
	*transport.Delivery

	Attempt   int             // the number of the call, counted from 1
	Deaths    int             // how many processes ended while they handled it
	Withdrawn <-chan struct{} // closed when the row pauses: give back a message without a worker

	// Killed means that the message has killed too many processes. It must not be handled any more,
	// and is parked whatever Serve returns.
	Killed bool

	message received
}

// An End is how a [Task] is settled. The zero value gives the message back to its queue.
type End struct {
	Fate  Fate
	Row   *service.Row  // the row whose call has failed; nil is the row of [Serve]
	Delay time.Duration // of Delayed and Retried; the broker has a queue for each value in use
	Err   error         // of Retried, Parked and Dropped

	// Reason says why a message is parked or dropped: "exhausted", "asked", "expected" or
	// "unreadable", as in docs/wire/failures.md.
	Reason string
}

// A Fate is the way in which a message is settled.
type Fate int

// These are the fates of a message.
const (
	GivenBack Fate = iota // returned to the queue: the call did not run to its end
	Handled               // acknowledged
	Dropped               // acknowledged although its call has failed
	Delayed               // comes back after Delay; this does not count as an attempt
	Retried               // comes back after Delay, for the next attempt
	Parked                // moved to the dead queue
)

// Serve returns the entrypoint of a queue that several rows share. r is one of them; it stands for
// the queue as a whole, for example in logs. Messages that wait come back through the retry queue,
// like retried messages of [Subscribe]. A message that kills three processes is parked.
func Serve(r *service.Row, queue string, s Server) (service.Entrypoint, error) {
	sub := &subscriber{Subscription: Subscription{Queue: queue, Retry: service.LaterDelays()}, row: r, server: s}
	if _, err := connection.Publishing(r.Host); err != nil {
		return nil, err
	}
	return sub, sub.share()
}

// serve lets the server handle a message, and settles it.
func (s *subscriber) serve(ctx context.Context, m received) {
	t := s.task(m)
	var end End
	defer func() { s.end(ctx, t, end) }() // even if the server ends the goroutine
	end = s.server.Serve(ctx, t)
}

// task returns the server's view of a message.
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

// tell tells the server of a message that is parked because it has killed processes. If telling it
// kills some more, the server is not told again.
func (s *subscriber) tell(ctx context.Context, m received) {
	if s.server != nil && m.attempt.Returns < 2*maxDeaths {
		t := s.task(m)
		t.Killed = true
		s.server.Serve(ctx, t)
	}
}
