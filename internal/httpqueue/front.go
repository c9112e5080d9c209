package httpqueue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Front returns a function that forwards requests to a backend. It is the Front function of
// [web.Queues].
func Front(h *service.Host, name string) (web.ForwardFunc, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, err := service.Shared(h, newFront)
	if err != nil {
		return nil, err
	}
	queue := queueOf(name).Queues[0].Name
	return func(w http.ResponseWriter, r *http.Request, b web.Body, limit time.Duration) *web.Error {
		return f.forward(w, r, b, &exchange{front: f, backend: name, queue: queue, limit: limit})
	}, nil
}

// A front is shared by all fronts of a process. It has a queue for answers, and the requests that
// wait for them.
type front struct {
	host       *service.Host
	cfg        Config
	connection *connection.Shared
	queue      string
	conn       *transport.Conn      // nil before Start
	requests   *transport.Publisher // publishes requests
	publisher  *transport.Publisher // publishes all other messages
	consumer   *transport.Consumer
	life       context.Context
	end        context.CancelFunc

	mu sync.Mutex

	pending map[string]*exchange // by correlation id
	closed  bool
	idle    chan struct{} // closed when closed is set and nothing is pending
	probes  map[string]*probe
	late    sync.WaitGroup // counts messages that are being sent by tell
}

func newFront(host *service.Host) (*front, error) {
	c, err := connection.Publishing(host)
	if err != nil {
		return nil, err
	}
	cfg, _ := service.Lookup[Config](host)
	f := &front{
		host: host, cfg: cfg, connection: c, queue: "gomeko.front-" + uuid.NewString(),
		pending: map[string]*exchange{}, idle: make(chan struct{}), probes: map[string]*probe{},
	}
	f.life, f.end = context.WithCancel(context.Background())
	return f, connection.Planned(host, f.plan)
}

// topology returns the queue for answers. It outlives the connection by a minute, so no answers are
// lost during a reconnect.
func (f *front) topology() transport.Topology {
	t := control.Topology()
	t.Queues = []transport.Queue{{
		Name: f.queue, Durable: true, Args: transport.Table{"x-expires": int32(shortValid.Milliseconds())}, OnMissing: f.lost,
	}}
	return t
}

// plan returns what the front needs from the broker. Requests go to the default exchange.
func (f *front) plan() connection.Plan {
	p := connection.Plan{By: "the front", Topology: f.topology(), Consumes: []string{f.queue}, Writes: []string{""}}
	p.Later.Writes = []string{control.Exchange} // cancellations
	return p
}

// Start declares the queue and consumes it.
func (f *front) Start(ctx context.Context) error {
	conn := f.connection.Conn()
	requests, publisher := conn.Publisher(), conn.Publisher()
	if err := conn.Declare(ctx, f.topology()); err != nil {
		return err
	}
	consumer, err := conn.Consume(ctx, transport.Consume{Queue: f.queue, AckLater: true, Handle: f.receive})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conn, f.requests, f.publisher, f.consumer = conn, requests, publisher, consumer
	return nil
}

// Stop waits until all requests have been answered, and deletes the queue.
func (f *front) Stop(ctx context.Context) error {
	defer f.end()
	f.mu.Lock()
	f.closed = true
	f.checkIdle()
	f.mu.Unlock()
	select {
	case <-f.idle:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f.late.Wait()
	if f.conn == nil {
		return nil
	}
	if err := f.consumer.Close(ctx); err != nil {
		return err
	}
	if err := f.conn.Delete(ctx, f.queue); err != nil {
		f.host.Logger().Debug("queue of the front not deleted: it expires after a minute", "err", err)
	}
	return errors.Join(f.requests.Close(ctx), f.publisher.Close(ctx))
}

// Kill cancels what is still being sent.
func (f *front) Kill() { f.end() }

// checkIdle closes idle if the front is closed and nothing is pending. The caller holds mu.
func (f *front) checkIdle() {
	if f.closed && len(f.pending) == 0 {
		select {
		case <-f.idle:
		default:
			close(f.idle)
		}
	}
}

// add adds a request to the pending ones. It returns false if the front is not open.
func (f *front) add(x *exchange) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.conn == nil {
		return false
	}
	f.pending[x.id] = x
	return true
}

func (f *front) remove(x *exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pending, x.id)
	f.checkIdle()
}

// receive handles a message from a backend.
func (f *front) receive(d *transport.Delivery) {
	defer d.Ack()
	f.mu.Lock()
	x := f.pending[d.CorrelationID]
	f.mu.Unlock()
	switch {
	case x != nil:
		f.heard(x.queue)
		x.receive(d)
	case d.Type == claimType:
		f.grant(d, false)
	case d.Type == partType: // the cancellation may have been lost
		f.tell(message(cancelType, d.ReplyTo, f.queue, d.CorrelationID, nil, nil))
	}
}

// lost fails the pending requests, because the broker has deleted the queue with their answers.
func (f *front) lost() {
	f.mu.Lock()
	all := make([]*exchange, 0, len(f.pending))
	for _, x := range f.pending {
		all = append(all, x)
	}
	f.mu.Unlock()
	for _, x := range all {
		x.fail(errBroker)
	}
}

// grant replies to a process that claims a request that was delivered before.
func (f *front) grant(d *transport.Delivery, granted bool) {
	f.tell(message(grantType, d.ReplyTo, f.queue, d.CorrelationID, transport.Table{runHeader: text(d, runHeader), grantedHeader: granted}, nil))
}

// tell sends a message whose loss is acceptable. It does so in a new goroutine.
func (f *front) tell(m transport.Publishing) {
	m.Expiration, m.Mandatory = shortValid, false
	f.mu.Lock()
	publisher, closed := f.publisher, f.closed && len(f.pending) == 0
	if !closed && publisher != nil {
		f.late.Add(1)
	}
	f.mu.Unlock()
	if closed || publisher == nil {
		return
	}
	go func() {
		defer f.late.Done()
		ctx, cancel := context.WithTimeout(f.life, shortLimit)
		defer cancel()
		if err := publisher.Send(ctx, m, func(error) {}); err != nil {
			f.host.Logger().Debug("message to a backend not sent", "type", m.Type, "err", err)
		}
	}()
}

// A probe records what a front knows about the consumers of a queue.
type probe struct {
	at      time.Time     // when the queue last had a consumer; zero if not known
	running chan struct{} // closed when the broker has answered; nil if no question is pending
	err     *web.Error    // the outcome of the last question
}

const (
	probeEvery = 250 * time.Millisecond // how long the result of a probe is valid
	probeLimit = 2 * time.Second
)

// heard records that a process serves the requests of a queue.
func (f *front) heard(queue string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.probes[queue]; p != nil {
		p.at = time.Now()
	}
}

// served returns an error if no process consumes a queue. Concurrent requests share one question to
// the broker.
func (f *front) served(ctx context.Context, queue, backend string) *web.Error {
	f.mu.Lock()
	conn, p := f.conn, f.probes[queue]
	if p == nil {
		p = new(probe)
		f.probes[queue] = p
	}
	if conn == nil || f.closed {
		f.mu.Unlock()
		return unavailable("the front is starting or stopping")
	}
	if time.Since(p.at) < probeEvery {
		f.mu.Unlock()
		return nil
	}
	done := p.running
	if done == nil {
		done = make(chan struct{})
		p.running = done
		f.host.Go(func(ctx context.Context) { f.ask(ctx, conn, p, queue, backend) })
	}
	f.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return unavailable("the client disconnected")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return p.err
}

// ask asks the broker for the number of a queue's consumers.
func (f *front) ask(ctx context.Context, conn *transport.Conn, p *probe, queue, backend string) {
	var failed *web.Error
	if !conn.Away().IsZero() || conn.Blocked() != nil {
		failed = unavailable("the broker is away, or does not take requests")
	} else {
		ctx, cancel := context.WithTimeout(ctx, probeLimit)
		_, consumers, err := conn.Inspect(ctx, queue)
		cancel()
		var refused *transport.Error
		switch {
		case err == nil && consumers > 0:
		case err == nil, errors.As(err, &refused) && refused.Code == http.StatusNotFound: // AMQP uses the same number
			failed = noBackend(backend)
		default:
			failed = unavailable("the broker does not answer")
			failed.Err = err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.err = failed; failed == nil {
		p.at = time.Now()
	}
	close(p.running)
	p.running = nil
}

// Errors of a front.
var (
	errBroker  = &web.Error{Status: http.StatusBadGateway, Type: "BackendLost", Message: "the broker may have lost the request or its answer: the request may have taken effect"}
	errLost    = &web.Error{Status: http.StatusBadGateway, Type: "BackendLost", Message: "the process that ran the request was lost: the request may have taken effect"}
	errUpgrade = &web.Error{Status: http.StatusNotImplemented, Type: "NotImplemented", Message: "upgrades such as websockets, and CONNECT, are not forwarded"}
	errHeader  = &web.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Type: "HeadersTooLarge", Message: "the header fields do not fit a message of the broker"}
	errAnswer  = &web.Error{Status: http.StatusBadGateway, Type: "BadAnswer", Message: "the answer of the backend is not one of HTTP"}
	errGone    = &web.Error{Status: http.StatusRequestTimeout, Message: "the client disconnected"}
)

func unavailable(why string) *web.Error {
	return &web.Error{Status: http.StatusServiceUnavailable, Type: "Unavailable", Message: why}
}

func noBackend(name string) *web.Error {
	return &web.Error{Status: http.StatusServiceUnavailable, Type: "NoBackend", Message: "no process serves the requests to " + name}
}

// overTime returns the error of a request that was not answered in time.
func overTime(limit time.Duration) *web.Error {
	return &web.Error{Status: http.StatusGatewayTimeout, Type: "GatewayTimeout", Message: fmt.Sprintf("no answer within %s", limit)}
}

// forward sends a request to a backend and writes its answer. It returns an error if it has not
// answered the request. It panics with [http.ErrAbortHandler] if the answer is cut off.
func (f *front) forward(w http.ResponseWriter, r *http.Request, b web.Body, x *exchange) *web.Error {
	if isUpgrade(r) {
		return errUpgrade
	}
	if err := f.served(r.Context(), x.queue, x.backend); err != nil {
		return err
	}
	x.id, x.began = id.New(""), time.Now()
	x.wake, x.failed = make(chan struct{}, 1), make(chan struct{})
	x.in = newInflow(f.cfg, x.credit)
	if !f.add(x) {
		return unavailable("the front is stopping")
	}
	defer f.remove(x)
	defer x.leave()
	m := requestOf(r, b.Whole, b.Parts != nil, w.Header().Get("X-Request-Id"))
	if err := x.publish(r.Context(), m); err != nil {
		return err
	}
	return x.serve(w, r, b)
}
