package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/transport"
)

// A redelivered request may have killed the process that ran it. The flag alone proves nothing: a
// lost connection marks every request that a process holds. So the requests of rows with retry move
// to a queue of suspects, from which each process takes one at a time. The number of times that a
// request was returned to that queue is the number of processes that it has killed.

// suspects is the consumer of a service's suspect queue.
type suspects struct {
	queue    string // "" if there is none: no row has retry, or the broker refuses it
	consumer *consumer

	// moving is held for reading while a request moves to the suspects, from its publishing until the
	// broker has its acknowledgement. A suspect runs only after that: otherwise each process that it
	// kills could leave one more copy.
	moving sync.RWMutex
}

// maxDeaths is the number of processes that a request may kill before it is answered with an error.
const maxDeaths = 3

// declareSuspects declares the queue of suspects if a row needs it, or if an earlier version of the
// service left requests there.
func (s *server) declareSuspects(ctx context.Context) error {
	q := s.suspectQueue()
	var refusal *transport.Error
	if !s.retries() {
		if _, _, err := s.shared.conn.Inspect(ctx, q.Name); errors.As(err, &refusal) {
			return nil // usually it does not exist
		} else if err != nil {
			return err
		}
	}
	err := s.shared.conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{q}})
	if errors.As(err, &refusal) {
		s.shared.log.Warn("the broker refuses the queue for requests that may have ended their process: they run like all others",
			"service", s.service, "queue", q.Name, "err", err)
		return nil
	}
	s.suspects.queue = q.Name
	return err
}

// retries reports whether a method of the server retries its calls.
func (s *server) retries() bool {
	for _, r := range s.methods {
		if len(r.delays) > 0 {
			return true
		}
	}
	return false
}

func (s *server) suspectQueue() transport.Queue {
	return deadletter.Queues{}.Suspect(queueOf(s.service))
}

// startSuspects begins to consume the suspects.
func (s *server) startSuspects(ctx context.Context) (err error) {
	if s.suspects.queue == "" {
		return nil
	}
	c := &consumer{all: &s.consumers, suspect: true, opened: make(chan struct{})}
	defer close(c.opened)
	c.Consumer, err = s.shared.conn.Consume(ctx, transport.Consume{
		Queue:     s.suspects.queue,
		Prefetch:  1,
		Resume:    true,
		Handle:    c.take,
		Unhandled: c.take, // a return would count as a death
	})
	if err == nil {
		s.suspects.consumer = c
	}
	return err
}

// all returns the consumer, if there is one.
func (s *suspects) all() []*consumer {
	if s.consumer == nil {
		return nil
	}
	return []*consumer{s.consumer}
}

// isolate moves a redelivered request to the suspects, and reports whether it has settled it. If it
// cannot be moved, the request runs like any other.
func (s *server) isolate(ctx context.Context, r *request) (settled bool) {
	row := s.find(r.Key)
	if row == nil || len(row.delays) == 0 || s.suspects.queue == "" {
		return false
	}
	a := deadletter.First(r.Delivery)
	if r.Expiration > 0 { // the broker would drop it while it waits for its turn
		a.Deadline = time.Now().Add(r.Expiration)
	}
	err := s.suspect(ctx, r.Delivery, a)
	switch {
	case err == nil:
		s.log(r.Delivery).Info("request was delivered before: it waits for its turn among the suspects", "queue", s.suspects.queue)
	case ctx.Err() != nil:
		r.Reject(true)
	default:
		s.log(r.Delivery).Warn("request was delivered before and cannot be moved to the suspects: it runs now", "queue", s.suspects.queue, "err", err)
		return false
	}
	return true
}

// suspect moves a request to the suspects, and acknowledges it once the broker has confirmed the
// copy.
func (s *server) suspect(ctx context.Context, d *transport.Delivery, a deadletter.Attempt) error {
	s.suspects.moving.RLock()
	defer s.suspects.moving.RUnlock()
	ctx, cancel := s.shared.cfg.limit(ctx)
	defer cancel()
	err := s.shared.conn.Publish(ctx, a.Publishing(d, s.suspects.queue))
	if err == nil {
		_ = d.AckNow(ctx) // after an error it is delivered again, and moved again
	}
	return err
}

// admit restores a request from the suspects, and reports whether its caller has stopped waiting.
func (s *server) admit(r *request) (late bool) {
	s.suspects.moving.Lock()
	s.suspects.moving.Unlock() //nolint:staticcheck // those that hold it are waited for
	r.attempt = deadletter.Open(r.Delivery)
	r.Redelivered = true // by the request queue
	if r.attempt.Deadline.IsZero() {
		return false
	}
	r.Expiration = time.Until(r.attempt.Deadline)
	if r.Expiration > 0 {
		return false
	}
	s.log(r.Delivery).Debug("request dropped: its caller does not wait any more")
	r.Ack()
	return true
}

// killed returns an error if a request has killed too many processes.
func (s *server) killed(r *request) error {
	if r.attempt.Returns < maxDeaths {
		return nil
	}
	err := rpcerror.New("builtins.RuntimeError", fmt.Sprintf("the process ended %d times while it ran the method", r.attempt.Returns))
	s.log(r.Delivery).Error("request has ended its process too often: it is answered with an error", "deaths", r.attempt.Returns, "err", clip.Error(err))
	return err
}

// giveBack returns a request to where it came from. A suspect is published again instead, because
// its queue would count a return as a death.
func (s *server) giveBack(ctx context.Context, r *request) {
	if r.consumer.direct {
		s.refuseDirect(ctx, r)
		return
	}
	if r.consumer.suspect && ctx.Err() == nil && s.suspect(ctx, r.Delivery, r.attempt) == nil {
		return
	}
	r.Reject(true)
}
