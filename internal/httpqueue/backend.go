package httpqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// nameOf matches the names of backends. They are part of routing keys.
var nameOf = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// checkName returns an error if name cannot be the name of a backend.
func checkName(name string) error {
	if nameOf.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is not the name of a backend: use up to 100 letters, digits and _ . -, as in shop", name)
}

// queueOf returns the queue of requests to a backend.
func queueOf(name string) transport.Topology {
	return transport.Topology{Queues: []transport.Queue{{Name: queuePrefix + name, Durable: true}}}
}

// cancelKey returns the routing key for cancellations to the processes of a backend.
func cancelKey(name string) string { return "http." + name }

// Backend returns the entrypoint of a row that serves the requests to a backend. It is the Backend
// function of [web.Queues].
func Backend(r *service.Row, name string, serve web.ServeFunc) (service.Entrypoint, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	w, err := service.Shared(r.Host, newWorker)
	if err != nil {
		return nil, err
	}
	b := &backend{worker: w, row: r, name: name, serve: serve}
	w.control.Receive(cancelKey(name), w.cancelled)
	return b, connection.Planned(r.Host, b.plan)
}

// A backend serves the requests of one queue with one row.
type backend struct {
	worker   *worker
	row      *service.Row
	name     string
	serve    web.ServeFunc
	consumer *transport.Consumer
}

func (b *backend) plan() connection.Plan {
	t := queueOf(b.name)
	return connection.Plan{By: b.row.Name + " of " + b.row.Service, Topology: t, Consumes: []string{t.Queues[0].Name}}
}

// Setup declares the queue.
func (b *backend) Setup(ctx context.Context) error {
	return b.worker.connection.Conn().Declare(ctx, queueOf(b.name))
}

// Start begins to consume. The prefetch is the number of the row's workers, so no request waits
// here while another process is free.
func (b *backend) Start(ctx context.Context) (err error) {
	take := func(d *transport.Delivery) {
		b.row.Go(func(ctx context.Context) { b.deliver(ctx, d) })
	}
	b.consumer, err = b.worker.connection.Conn().Consume(ctx, transport.Consume{
		Queue:    queueOf(b.name).Queues[0].Name,
		Prefetch: b.row.Workers(),
		Resume:   true,
		Handle:   take,
		// Requests that have arrived when the consumer is cancelled are run, too. A requeued POST
		// would count as one that may have run already.
		Unhandled: take,
	})
	return err
}

// Stop stops consuming. Requests that have already arrived are still answered.
func (b *backend) Stop(ctx context.Context) error {
	if b.consumer == nil {
		return nil
	}
	return b.consumer.Cancel(ctx)
}

// A run is a request while it runs.
type run struct {
	backend *backend
	id      requestID
	name    string // the name of the run in messages
	cancel  context.CancelCauseFunc
	granted chan bool // the reply to a claim
	limit   time.Duration
	timer   *time.Timer // ends the request after limit; nil if there is no limit

	mu   sync.Mutex
	body *upload  // nil if the body is not streamed
	out  *outflow // streams the answer; nil until it is streamed
}

// receive handles a message from the front about the request.
func (r *run) receive(d *transport.Delivery) {
	r.mu.Lock()
	body, out := r.body, r.out
	r.mu.Unlock()
	switch {
	case text(d, runHeader) != r.name:
	case d.Type == grantType:
		granted, _ := d.Headers[grantedHeader].(bool)
		select {
		case r.granted <- granted:
		default:
		}
	case d.Type == creditType && out != nil:
		out.credited(d)
	case d.Type == partType && body != nil:
		r.extend()
		body.in.receive(d)
	}
}

// extend restarts the limit, because the client is still sending the body.
func (r *run) extend() {
	if r.timer != nil && r.timer.Stop() {
		r.timer.Reset(r.limit)
	}
}

// lift removes the limit, because the answer has begun.
func (r *run) lift() {
	if r.timer != nil {
		r.timer.Stop()
	}
}

// ackAfter is how long a request stays unacknowledged while it runs. Until then it occupies its
// place in the prefetch, and if this process dies, another one gets the request at once. It is
// shorter than the broker's consumer_timeout.
const ackAfter = 10 * time.Minute

// deliver runs a request, answers it, and then acknowledges it.
func (b *backend) deliver(ctx context.Context, d *transport.Delivery) {
	m, err := readRequest(d)
	if err != nil {
		b.refuse(ctx, d, http.StatusBadRequest, "the request cannot be read: "+err.Error())
		b.row.Logger().Warn("request dropped: it cannot be read", "queue", queuePrefix+b.name, "err", clip.Error(err))
		d.Ack()
		return
	}
	if d.Redelivered && !m.repeatable() {
		b.refuse(ctx, d, http.StatusBadGateway, "the process that ran the request was lost, and the request may have taken effect")
		d.Ack()
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{backend: b, id: idOf(d), name: id.New(""), cancel: cancel, granted: make(chan bool, 1), limit: d.Expiration}
	if !b.worker.add(r) {
		d.Ack()
		return
	}
	defer b.worker.remove(r)
	if d.Redelivered {
		granted, err := b.worker.claim(ctx, r)
		if err != nil || !granted {
			b.row.Logger().Debug("request dropped: it was delivered before, and nobody waits for it", "request_id", m.fields.Get("X-Request-Id"), "err", err)
			d.Ack()
			return
		}
	}
	if r.limit > 0 {
		r.timer = time.AfterFunc(r.limit, func() { cancel(context.DeadlineExceeded) })
		defer r.timer.Stop()
	}
	early := time.AfterFunc(ackAfter, d.Ack)
	defer early.Stop()
	if b.run(ctx, r, d, m) {
		d.Ack()
	} else {
		d.Reject(true)
	}
}

// run calls the handler and sends its answer. It returns false if the container is killed.
func (b *backend) run(ctx context.Context, r *run, d *transport.Delivery, m *request) bool {
	request, requestID := m.http().WithContext(ctx), m.fields.Get("X-Request-Id") // read now: the handler may change the fields
	if m.streamed {
		r.body = newUpload(ctx, r, request)
		request.Body = r.body
	} else if len(m.body) > 0 || m.trailers != nil {
		request.Body = newWhole(m, request)
	}
	w := newWriter(ctx, r, d, m.method == http.MethodHead)
	err := b.call(w, request, service.Request{
		ID: requestID, Header: m.fields, Redelivered: d.Redelivered, Cancelled: errCancelled,
	})
	if r.body != nil {
		r.body.in.close()
	}
	if errors.Is(err, service.ErrStopped) {
		return false
	}
	if err = w.finish(err); err != nil {
		level := slog.LevelWarn
		if ctx.Err() != nil {
			level = slog.LevelDebug // nobody waits for the answer
		}
		b.row.Logger().Log(ctx, level, "answer not sent", "request_id", requestID, "err", clip.Error(err))
	}
	return true
}

// call calls the handler. An error, such as [http.ErrAbortHandler], cuts off the answer.
func (b *backend) call(w http.ResponseWriter, r *http.Request, call service.Request) (err error) {
	err = service.ErrExited
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			if aborted, ok := p.(error); ok {
				err = aborted
			}
		}
	}()
	return b.serve(w, r, call)
}

// refuse tells a front that the request will not be answered.
func (b *backend) refuse(ctx context.Context, d *transport.Delivery, status int, reason string) {
	if d.ReplyTo == "" || d.CorrelationID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shortLimit)
	defer cancel()
	h := transport.Table{statusHeader: int64(status), reasonHeader: clip.Text(reason, clip.Log)}
	if err := d.Reply(ctx, message(failureType, d.ReplyTo, b.worker.queue, d.CorrelationID, h, nil)); err != nil {
		b.row.Logger().Debug("failure not sent", "err", err)
	}
}
