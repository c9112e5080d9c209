package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"weak"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/transport"
)

// replies is the queue in which a process without a store receives the outcomes of the jobs that it
// enqueued. It is declared with the first job.
type replies struct {
	enqueuer *Enqueuer
	queue    string

	opening  sync.Mutex
	consumer *transport.Consumer // nil until it is open; guarded by opening
	closed   bool                // guarded by opening
	stopped  chan struct{}       // closed by close

	mu       sync.Mutex
	expected map[string]weak.Pointer[pending] // by the id of the job, while somebody has its Ref
}

// A pending is a job whose outcome has not arrived.
type pending struct {
	ended   chan struct{} // closed when outcome is set
	once    sync.Once
	outcome Outcome
}

func newReplies(e *Enqueuer) *replies {
	return &replies{enqueuer: e, queue: replyPrefix + id.New(""), stopped: make(chan struct{}), expected: map[string]weak.Pointer[pending]{}}
}

// open declares the queue and consumes it. The queue expires five minutes after its consumer is
// gone, and so survives a lost connection.
func (r *replies) open(ctx context.Context) error {
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.closed {
		return errClosed
	}
	if r.consumer != nil {
		return nil
	}
	conn := r.enqueuer.conn
	if err := conn.Declare(ctx, r.topology()); err != nil {
		return err
	}
	c, err := conn.Consume(ctx, transport.Consume{Queue: r.queue, AckLater: true, Handle: r.receive})
	r.consumer = c
	return err
}

func (r *replies) topology() transport.Topology {
	return transport.Topology{Queues: []transport.Queue{{
		Name: r.queue, Durable: true, Args: transport.Table{"x-expires": int32(300_000)},
	}}}
}

// close deletes the queue, when nobody waits any more.
func (r *replies) close(ctx context.Context) error {
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	close(r.stopped)
	if r.consumer == nil {
		return nil
	}
	return errors.Join(r.consumer.Close(ctx), r.enqueuer.conn.Delete(ctx, r.queue))
}

// expect registers a job whose outcome is expected, and returns the queue for it. The job is
// forgotten when its handle is garbage collected.
func (r *replies) expect(ctx context.Context, h *handle) (queue string, err error) {
	if err := r.open(ctx); err != nil {
		return "", fmt.Errorf("queue of outcomes: %w", err)
	}
	p := &pending{ended: make(chan struct{})}
	r.mu.Lock()
	r.expected[h.id] = weak.Make(p)
	r.mu.Unlock()
	runtime.AddCleanup(p, r.forget, h.id)
	h.pending = p
	return r.queue, nil
}

// forget forgets a job whose handle was garbage collected.
func (r *replies) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.expected[id]; ok && p.Value() == nil { // otherwise a later job has the same id
		delete(r.expected, id)
	}
}

// receive handles a message with an outcome.
func (r *replies) receive(d *transport.Delivery) {
	defer d.Ack()
	conn := r.enqueuer.conn
	o, err := readOutcome(d, conn.Accepts(), conn.MaxMessage())
	if err != nil {
		r.enqueuer.log.Warn("an outcome of a job cannot be read", "job_id", d.CorrelationID, "err", err)
		return
	}
	r.mu.Lock()
	p := r.expected[d.CorrelationID].Value()
	r.mu.Unlock()
	if p != nil {
		p.once.Do(func() {
			p.outcome = o
			close(p.ended)
		})
	}
}

// wait waits for the outcome of a job.
func (r *replies) wait(ctx context.Context, h *handle) (Outcome, error) {
	if h.pending == nil {
		return Outcome{}, fmt.Errorf("waiting for a job that another process has enqueued %w", ErrNoStore)
	}
	select {
	case <-h.pending.ended:
		return h.pending.outcome, nil
	case <-r.stopped:
		return Outcome{}, errClosed
	case <-ctx.Done():
		return Outcome{}, fmt.Errorf("waiting for its outcome: %w", context.Cause(ctx))
	}
}
