package httpqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A worker is shared by all backends of a process. It has a queue for messages from fronts about
// running requests, and these requests.
type worker struct {
	host       *service.Host
	cfg        Config
	connection *connection.Shared
	control    *control.Queue
	queue      string
	publisher  *transport.Publisher
	consumer   *transport.Consumer

	mu      sync.Mutex
	running map[requestID]*run
	early   map[requestID]time.Time // when the cancellations of requests that have not arrived came
	order   []requestID             // ids that are, or were, in early, oldest first
}

// Limits on the cancellations that are kept for requests that have not arrived.
const (
	earlyKept  = 1000
	earlyValid = shortValid
)

func newWorker(host *service.Host) (*worker, error) {
	c, err := connection.Publishing(host)
	if err != nil {
		return nil, err
	}
	ctl, err := control.Open(host)
	if err != nil {
		return nil, err
	}
	cfg, _ := service.Lookup[Config](host)
	w := &worker{
		host: host, cfg: cfg, connection: c, control: ctl, queue: "gomeko.backend-" + uuid.NewString(),
		running: map[requestID]*run{}, early: map[requestID]time.Time{},
	}
	return w, connection.Planned(host, w.plan)
}

// topology returns the worker's queue. The broker deletes the queue when the connection is lost,
// and then returns messages to it, which tells fronts that the worker is gone.
func (w *worker) topology() transport.Topology {
	return transport.Topology{Queues: []transport.Queue{{
		Name: w.queue, Durable: true, AutoDelete: true, Args: transport.Table{"x-expires": int32(shortValid.Milliseconds())},
	}}}
}

// plan returns what the worker needs from the broker. Answers go to the default exchange.
func (w *worker) plan() connection.Plan {
	return connection.Plan{By: "the backends", Topology: w.topology(), Consumes: []string{w.queue}, Writes: []string{""}}
}

// Start declares the queue and consumes it.
func (w *worker) Start(ctx context.Context) error {
	conn := w.connection.Conn()
	w.publisher = conn.Publisher()
	err := conn.Declare(ctx, w.topology())
	if err == nil {
		w.consumer, err = conn.Consume(ctx, transport.Consume{Queue: w.queue, AckLater: true, Handle: w.receive})
	}
	return err
}

// Stop is called when all requests have been answered.
func (w *worker) Stop(ctx context.Context) error {
	if w.consumer == nil {
		return nil
	}
	return errors.Join(w.consumer.Close(ctx), w.publisher.Close(ctx))
}

// Kill does nothing, because the connection is closed anyway.
func (w *worker) Kill() {}

// receive handles a message from a front about a request.
func (w *worker) receive(d *transport.Delivery) {
	defer d.Ack()
	w.mu.Lock()
	r := w.running[idOf(d)]
	w.mu.Unlock()
	switch {
	case d.Type == cancelType:
		w.cancel(idOf(d))
	case r == nil && d.Type == creditType:
		w.host.Go(func(ctx context.Context) { w.deny(ctx, d) })
	case r != nil:
		r.receive(d)
	}
}

// deny tells a front that the rest of the answer that it reads will not be sent. It has no effect
// if the front already has the last part.
func (w *worker) deny(ctx context.Context, d *transport.Delivery) {
	ctx, cancel := context.WithTimeout(ctx, shortLimit)
	defer cancel()
	h := transport.Table{seqHeader: int64(-1), runHeader: text(d, runHeader)}
	m := message(partType, d.ReplyTo, w.queue, d.CorrelationID, h, nil)
	m.Mandatory, m.Expiration = false, shortValid
	_ = w.publisher.Send(ctx, m, func(error) {}) // if it is lost, the front's next credit triggers it again
}

// cancelled handles a cancellation from the control exchange. All processes with the backend get
// it.
func (w *worker) cancelled(d *transport.Delivery) {
	defer d.Ack()
	w.cancel(idOf(d))
}

// errCancelled is the cause of cancellation of a request for which nobody waits any more.
var errCancelled = errors.New("the client disconnected, or its time is over")

// cancel cancels the ctx of a request. If the request has not arrived yet, it keeps the
// cancellation.
func (w *worker) cancel(id requestID) {
	if id.front == "" || id.id == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.running[id]; r != nil {
		r.cancel(errCancelled)
		return
	}
	if _, known := w.early[id]; known {
		return
	}
	now := time.Now()
	for len(w.order) > 0 && (len(w.order) >= earlyKept || now.Sub(w.early[w.order[0]]) > earlyValid) {
		delete(w.early, w.order[0])
		w.order = w.order[1:]
	}
	w.early[id] = now
	w.order = append(w.order, id)
}

// add adds a request to the running ones. It returns false if the request has been cancelled
// already.
func (w *worker) add(r *run) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, cancelled := w.early[r.id]
	delete(w.early, r.id)
	if cancelled && time.Since(at) <= earlyValid {
		return false
	}
	w.running[r.id] = r
	return true
}

// remove removes a request that has ended.
func (w *worker) remove(r *run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[r.id] == r { // otherwise it is the same request, redelivered
		delete(w.running, r.id)
	}
}

// send publishes a message with the worker's publisher.
func (w *worker) send(ctx context.Context, m transport.Publishing, settled func(error)) error {
	return w.publisher.Send(ctx, m, settled)
}

// claimLimit is how long a worker waits for the reply to a claim.
const claimLimit = 5 * time.Second

// claim asks the front of a request that was delivered before whether it still waits for an answer
// and has received no part of one.
func (w *worker) claim(ctx context.Context, r *run) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, claimLimit)
	defer cancel()
	lost := make(chan error, 1)
	m := message(claimType, r.id.front, w.queue, r.id.id, transport.Table{runHeader: r.name}, nil)
	err := w.send(ctx, m, func(err error) {
		if err != nil {
			lost <- err
		}
	})
	if err != nil {
		return false, err
	}
	select {
	case granted := <-r.granted:
		return granted, nil
	case err := <-lost:
		return false, err
	case <-ctx.Done():
		return false, fmt.Errorf("the front has not replied to the claim: %w", context.Cause(ctx))
	}
}
