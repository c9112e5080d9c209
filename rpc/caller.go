package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Caller calls services from a program that hosts none, as Nameko's ClusterRpcProxy does.
// [Caller.Client] returns the clients, and [Bind] typed ones. Several goroutines may use it.
//
// A Caller owns a reply queue and tracks the calls that wait for a reply. All clients of a
// container share one Caller.
type Caller struct {
	cfg       Config
	observers *service.Observers // nil outside of containers
	codec     codec.Codec        // of requests
	log       *slog.Logger
	id        string // the call id of calls made outside a service's call
	replyTo   string // the routing key of replies
	queue     string // the reply queue
	conn      *transport.Conn
	publisher *transport.Publisher // separate: refused events and messages must not fail calls
	canceller *transport.Publisher // separate: refused cancellations must not fail calls
	credits   *transport.Publisher // separate: returned credits must not fail calls
	consumer  *transport.Consumer
	cancels   atomic.Bool // the broker lets us send cancellations

	// waiting is called when a goroutine begins to wait for a call to a service. It is nil if this
	// process hosts no service.
	waiting func(ctx context.Context, service string)

	late sync.WaitGroup  // goroutines that outlive their calls; added to with mu held, before closed
	life context.Context // of these goroutines
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	pending map[string]*Reply      // by correlation id
	probes  map[string]*queueProbe // by queue; only those of the last second
}

// NewCaller declares a reply queue on conn and consumes it. ctx limits only these two steps; if it
// has no deadline, [Config].Timeout limits them, as it limits a call. Nothing is published, so
// NewCaller succeeds while the broker blocks publishers.
//
// Close the Caller before conn. Others, such as events.NewDispatcher, may use conn at the same
// time.
func NewCaller(ctx context.Context, conn *transport.Conn, cfg Config) (*Caller, error) {
	ctx, cancel := cfg.limit(ctx)
	defer cancel()
	c := newCaller(conn.Codec(), cfg, conn.Logger())
	if err := c.open(ctx, conn, "standalone_rpc_proxy"); err != nil {
		c.conn = conn // for Close
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

func newCaller(requests codec.Codec, cfg Config, log *slog.Logger) *Caller {
	life, end := context.WithCancel(context.Background())
	return &Caller{
		life:    life,
		end:     end,
		cfg:     cfg,
		codec:   requests,
		log:     log,
		id:      "standalone_rpc_proxy.call." + uuid.NewString(),
		replyTo: uuid.NewString(),
		pending: map[string]*Reply{},
		probes:  map[string]*queueProbe{},
	}
}

// open declares the reply queue, named after the calling service, and consumes it. Its name and its
// binding are Nameko's (see docs/wire/nameko.md, Names), since services reply by the binding. The
// queue expires five minutes after its last consumer is gone, so it survives a lost connection.
func (c *Caller) open(ctx context.Context, conn *transport.Conn, name string) (err error) {
	c.publisher, c.canceller, c.credits = conn.Publisher(), conn.Publisher(), conn.Publisher()
	c.queue = replyQueue(name, c.replyTo)
	if err = conn.Declare(ctx, c.topology(c.queue)); err != nil {
		return err
	}
	if err = c.declareControl(ctx, conn); err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.consumer, err = conn.Consume(ctx, transport.Consume{Queue: c.queue, AckLater: true, Handle: c.receive})
	return err
}

// replyQueue returns the name of the reply queue of a service.
func replyQueue(service, replyTo string) string { return "rpc.reply-" + service + "-" + replyTo }

func (c *Caller) topology(queue string) transport.Topology {
	return transport.Topology{
		Exchanges: []transport.Exchange{{Name: c.cfg.exchange(), Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queue, Durable: true, Args: transport.Table{"x-expires": int32(300_000)}, OnMissing: c.repliesLost}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: c.cfg.exchange(), Key: c.replyTo}},
	}
}

// Client returns a client of a service.
func (c *Caller) Client(service string) Client { return Client{service: service, caller: c} }

// newReply returns the reply of a call that is about to be made.
func (c *Caller) newReply(service, method, correlationID string) *Reply {
	r := &Reply{
		caller:  c,
		service: service,
		method:  method,
		id:      correlationID,
		began:   time.Now(),
		done:    make(chan struct{}),
	}
	if r.id == "" {
		r.id = id.New("")
	}
	return r
}

// send sends a request, and reports whether the call now waits for its reply; if not, the call has
// ended with an error. If limited is set, the request expires with ctx.
func (c *Caller) send(ctx context.Context, r *Reply, body requestBody, o options, limited bool) bool {
	if err := service.RefuseInHealth(ctx, r.name()); err != nil {
		r.fail(err)
		return false
	}
	r.codec = cmp.Or(o.codec, c.codec)
	data, err := r.codec.Encode(body)
	if err != nil {
		r.fail(err)
		return false
	}
	p := c.publishing(ctx, r, data)
	if o.instance != "" {
		r.instance, p.Key = o.instance, directKey(r.service, o.instance)+r.method
	}
	if cmp.Or(o.compress, c.cfg.Compress) {
		p.Body, p.Headers["compression"] = codec.Deflate(data), codec.Zlib
	}
	var left time.Duration
	if r.deadline, _ = ctx.Deadline(); limited && !r.deadline.IsZero() {
		left = min(max(time.Until(r.deadline), time.Millisecond), maxExpiration) // 0 would be no limit
	}
	o.apply(&p, left)
	if c.observers.On() {
		r.observed, r.size = c.observers.SendBegan(ctx, r.message(&p)), len(p.Body)
	}
	if err := c.publish(ctx, r, p); err != nil {
		r.fail(err)
		return false
	}
	return true
}

// readsZlib is the app_id of requests whose caller reads compressed replies. It is a property,
// since Nameko passes headers on.
const readsZlib = "gomeko.zlib"

// maxExpiration is the longest expiration of a request: AMQP has milliseconds in 32 bits.
const maxExpiration = math.MaxUint32 * time.Millisecond

// publishing returns the message of the request r.
func (c *Caller) publishing(ctx context.Context, r *Reply, body []byte) transport.Publishing {
	return transport.Publishing{
		Exchange:     c.cfg.exchange(),
		Key:          r.name(),
		Mandatory:    true,
		Compressible: true,
		Properties: transport.Properties{
			ContentType:     r.codec.ContentType(),
			ContentEncoding: r.codec.ContentEncoding(),
			Headers:         headers.Of(ctx, c.id),
			Persistent:      true,
			CorrelationID:   r.id,
			ReplyTo:         c.replyTo,
			Type:            r.kind,
		},
		Body: body,
	}
}

// publish sends the request p of the call r. Unless it returns an error, the call is now pending.
func (c *Caller) publish(ctx context.Context, r *Reply, p transport.Publishing) error {
	c.mu.Lock()
	conn, closed, taken := c.conn, c.closed, c.pending[r.id] != nil
	ready := !closed && conn != nil && !taken
	if ready {
		c.pending[r.id] = r
		r.limit, r.decoded = conn.MaxMessage(), conn.MaxDecoded()
	}
	c.mu.Unlock()
	switch {
	case closed:
		return transport.ErrClosed
	case conn == nil:
		return errors.New("the container has not started")
	case taken:
		return fmt.Errorf("correlation id %q is used by another pending call: use a different one for each call", r.id)
	}
	if conn.CompressOver() > 0 {
		p.AppID = cmp.Or(p.AppID, readsZlib)
	}
	err := c.publisher.Send(ctx, p, func(err error) {
		if err != nil { // once confirmed, the call keeps waiting for its reply
			c.settle(r.id, nil, r.failed(err))
		}
		r.confirmed.Store(err == nil)
	})
	switch {
	case err == nil, !c.forget(r.id):
		return nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()): // err has only the cause
		return fmt.Errorf("not sent: %w: %w", ctx.Err(), err)
	}
	return fmt.Errorf("not sent: %w", err)
}

// receive takes a reply. No call waits for a reply that is late or arrives a second time.
func (c *Caller) receive(d *transport.Delivery) {
	if !c.settle(d.CorrelationID, d, nil) {
		c.log.Debug("reply dropped: nobody waits for it", "correlation_id", d.CorrelationID)
	}
	d.Ack()
}

// settle ends a pending call with its reply or with an error, and reports whether it was pending. A
// reply that arrives after the deadline is dropped even if ctx has not ended yet: often it only
// says that the callee, which has the same deadline, timed out too.
func (c *Caller) settle(id string, d *transport.Delivery, err error) bool {
	c.mu.Lock()
	r, ok := c.pending[id]
	if ok && d != nil && r.streams(d) {
		if r.in != nil && r.in.receive(d) {
			delete(c.pending, id)
		}
		c.mu.Unlock()
		return true
	}
	ok = ok && (d == nil || r.out != nil || r.deadline.IsZero() || time.Now().Before(r.deadline))
	if ok {
		delete(c.pending, id)
		r.settle(d, err)
	}
	c.mu.Unlock()
	if ok {
		r.observeEnd()
	}
	return ok
}

// wait waits until the call r has ended, which happens when ctx ends at the latest.
func (c *Caller) wait(ctx context.Context, r *Reply) {
	defer service.Lend(ctx)() // until the end: expire may ask the broker why there is no reply
	if !r.await(ctx) {
		c.expire(ctx, r)
		<-r.done
	}
}

// watch ends the call when ctx ends, if it is still pending then.
func (c *Caller) watch(ctx context.Context, r *Reply, cancel context.CancelFunc) {
	stop := context.AfterFunc(ctx, func() {
		if !c.enter() {
			return
		}
		defer c.late.Done()
		c.expire(ctx, r)
	})
	release := func() {
		stop()
		cancel()
	}
	c.mu.Lock()
	waits := c.pending[r.id] == r
	if waits {
		r.release = release
	}
	c.mu.Unlock()
	if !waits {
		release()
	}
}

// enter registers a goroutine that Close waits for. It returns false if the caller is closed.
func (c *Caller) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.late.Add(1)
	}
	return !c.closed
}

// expire ends a call whose ctx has ended. A reply that arrives from now on is late.
func (c *Caller) expire(ctx context.Context, r *Reply) {
	if !c.forget(r.id) {
		return // it has ended
	}
	err := fmt.Errorf("no reply: %w", ended(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.overdue(r, err)
	} else {
		err = r.failed(err)
	}
	cause := context.Cause(ctx)
	if !r.detached || cause != service.ErrReturned && cause != errDefaultTimeout {
		c.sendCancel(r)
	}
	c.mu.Lock()
	r.settle(nil, err)
	c.mu.Unlock()
	r.observeEnd()
}

// forget removes a call from the pending ones, and reports whether it was there.
func (c *Caller) forget(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.pending[id]
	delete(c.pending, id)
	return ok
}

// overdue returns the error of a call that got no reply in time, with the state of the service's
// queue.
func (c *Caller) overdue(r *Reply, why error) error {
	text := fmt.Sprintf("%s: %v after %s", r.name(), why, r.age())
	if err := c.conn.Blocked(); err != nil { // it would not answer a probe either
		return rpcerror.NewTimeout(fmt.Sprintf("%s; %v", text, err), nil)
	}
	if r.instance != "" {
		return rpcerror.NewTimeout(text+"; it went to the instance "+r.instance, nil)
	}
	queue := queueOf(r.service)
	p := c.probe(queue)
	var refused *transport.Error
	switch {
	case errors.As(p.err, &refused) && refused.Code == notFound:
		return rpcerror.NewTimeout(fmt.Sprintf("%s; there is no queue %s", text, queue), nil)
	case p.err != nil: // the connection logs that the broker is away
		return rpcerror.NewTimeout(text, nil)
	case p.consumers == 0:
		return rpcerror.NewTimeout(fmt.Sprintf("%s; nobody consumes queue %s (ready messages: %d)", text, queue, p.messages), ErrNoConsumers)
	}
	return rpcerror.NewTimeout(fmt.Sprintf("%s; queue %s has consumers: %d, ready messages: %d", text, queue, p.consumers, p.messages), nil)
}

// notFound is the reply code of a broker that has no such queue.
const notFound = 404

// queueOf returns the name of a service's request queue.
func queueOf(service string) string { return "rpc-" + service }

// A queueProbe is the state of a queue at one moment.
type queueProbe struct {
	at   time.Time
	done chan struct{} // closed when the fields below are set

	messages, consumers int
	err                 error
}

const (
	probeEvery = time.Second            // a queue is not probed more often
	probeLimit = 500 * time.Millisecond // a call that has timed out does not wait longer for a probe
)

// probe probes a queue for a call that has timed out. Calls that time out together share one probe.
func (c *Caller) probe(queue string) *queueProbe {
	now := time.Now()
	c.mu.Lock()
	conn, p := c.conn, c.probes[queue]
	first := p == nil || now.Sub(p.at) >= probeEvery
	if first {
		maps.DeleteFunc(c.probes, func(_ string, old *queueProbe) bool { return now.Sub(old.at) >= probeEvery })
		p = &queueProbe{at: now, done: make(chan struct{})}
		c.probes[queue] = p
	}
	c.mu.Unlock()
	if first {
		ctx, cancel := context.WithTimeout(c.life, probeLimit)
		p.messages, p.consumers, p.err = conn.Inspect(ctx, queue)
		cancel()
		close(p.done)
	}
	<-p.done
	return p
}

// notifyWaiting reports that a goroutine begins to wait for a call of the service.
func (c *Caller) notifyWaiting(ctx context.Context, service string) {
	if c.waiting != nil {
		c.waiting(ctx, service)
	}
}

// awaited returns how many pending calls of the service have a goroutine that waits for them.
func (c *Caller) awaited(service string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.pending {
		if r.service == service && r.waiters.Load() > 0 {
			n++
		}
	}
	return n
}

// repliesLost is called when the broker has deleted the reply queue. It ends the calls whose
// requests were confirmed, since the queue may have contained their replies.
func (c *Caller) repliesLost() {
	var lost []*Reply
	c.mu.Lock()
	for id, r := range c.pending {
		if r.confirmed.Load() {
			delete(c.pending, id)
			r.settle(nil, r.failed(fmt.Errorf("the reply queue is gone: %w", transport.ErrConnectionLost)))
			lost = append(lost, r)
		}
	}
	c.mu.Unlock()
	for _, r := range lost {
		r.observeEnd()
	}
}

const (
	lateLimit   = 100 * time.Millisecond // how long Close waits for cancellations to be sent
	deleteLimit = 5 * time.Second        // how long Close waits for the reply queue to be deleted
)

// Close ends all pending and later calls with an error, and deletes the reply queue. If the broker
// is away, the queue expires five minutes later. Close leaves the connection open.
func (c *Caller) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	ended := c.pending
	c.pending = map[string]*Reply{}
	for _, r := range ended {
		r.settle(nil, r.failed(transport.ErrClosed))
		r.cancel()
	}
	c.mu.Unlock()
	for _, r := range ended {
		r.observeEnd()
	}
	defer c.end()
	defer time.AfterFunc(lateLimit, c.end).Stop()
	c.late.Wait()
	if c.conn == nil {
		return nil
	}
	if c.consumer != nil {
		if err := c.consumer.Close(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, deleteLimit)
	defer cancel()
	if err := c.conn.Delete(ctx, c.queue); err != nil { // the broker drops later replies: none is mandatory
		c.log.Debug("reply queue not deleted: it expires after five minutes", "err", err)
	}
	return errors.Join(c.credits.Close(ctx), c.canceller.Close(ctx), c.publisher.Close(ctx))
}
