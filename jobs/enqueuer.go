package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// ErrNoStore is returned by operations that need a store if none is configured.
var ErrNoStore = errors.New("needs a store: set gomeko.jobs.store, or the Store of jobs.Config")

const (
	// sendTime limits the time to enqueue a job, and to query the store, if their ctx has no
	// deadline.
	sendTime = 30 * time.Second

	// nudgeTime limits the publishing of a message whose row is in the store: if it fails, the
	// sweeper publishes the message again.
	nudgeTime = 2 * time.Second
)

// An Enqueuer enqueues jobs of services, and waits for their outcomes. A program that hosts no
// services creates one with [NewEnqueuer]; the clients of a container share one. Several goroutines
// may use it.
type Enqueuer struct {
	cfg       Config
	codec     codec.Codec // of the messages
	observers *service.Observers
	log       *slog.Logger
	poller    *poller
	replies   *replies
	alarm     *alarm // of the sweeper of the same container; nil without one
	commits   commits
	rules     *rules
	eager     *eager // nil unless jobs run in the call that enqueues them

	// These are nil before Setup.
	store *store.Store
	conn  *transport.Conn

	queues sync.Map // full names by routing key, of the rows of this process
}

// NewEnqueuer returns an Enqueuer for a program that hosts no services. It declares the exchange of
// jobs through conn; ctx limits only that. With a store in cfg, conn may be nil: jobs are then only
// inserted into the store, and a worker finds them there within a second.
//
// The program closes the Enqueuer before it closes conn and the store.
func NewEnqueuer(ctx context.Context, conn *transport.Conn, cfg Config) (*Enqueuer, error) {
	if conn == nil && cfg.Store == nil {
		return nil, errors.New("jobs.NewEnqueuer: neither a connection nor a store: pass one of them")
	}
	e := &Enqueuer{cfg: cfg, rules: new(rules), codec: codec.JSON, log: slog.Default(), store: cfg.Store, conn: conn}
	if conn != nil {
		e.codec, e.log = conn.Codec(), conn.Logger()
		if err := conn.Declare(ctx, exchange()); err != nil {
			return nil, err
		}
	}
	e.prepare()
	return e, nil
}

// prepare creates what waits for outcomes. The store is open.
func (e *Enqueuer) prepare() {
	if e.store != nil {
		e.poller = newPoller(e.store)
	} else {
		e.replies = newReplies(e)
	}
}

// Close ends all waiting for outcomes. The connection and the store stay open.
func (e *Enqueuer) Close(ctx context.Context) error {
	e.commits.close()
	if e.poller != nil {
		e.poller.close()
	}
	if e.replies != nil {
		return e.replies.close(ctx)
	}
	return nil
}

// Client returns a client for the jobs of a service.
func (e *Enqueuer) Client(service string) Client { return Client{service: service, enqueuer: e} }

// clients is the Enqueuer that the clients of a container share. The container starts and stops it.
type clients struct {
	Enqueuer
	host       *service.Host
	storage    *storage
	connection *connection.Shared // nil if jobs are eager
	outboxed   bool               // a field enqueues in transactions
}

// clientsOf returns the clients of a container.
func clientsOf(host *service.Host) (*clients, error) {
	return service.Shared(host, func(host *service.Host) (*clients, error) {
		s, err := storageOf(host)
		if err != nil {
			return nil, err
		}
		c := &clients{host: host, storage: s}
		c.cfg, c.codec, c.log, c.observers, c.alarm, c.rules = s.cfg, codec.JSON, host.Logger(), host.Observers(), s.alarm, &s.rules
		if c.eager, err = eagerOf(host); err != nil || c.eager != nil {
			return c, err
		}
		if c.connection, err = connection.Publishing(host); err != nil {
			return nil, err
		}
		c.codec = c.connection.Codec()
		return c, connection.Planned(host, func() connection.Plan {
			p := connection.Plan{By: "clients of jobs", Topology: exchange(), Writes: []string{exchangeName}}
			if !c.cfg.hasStore() { // outcomes arrive as messages
				r := newReplies(&c.Enqueuer)
				p.Later = transport.Use{Topology: r.topology(), Consumes: []string{r.queue}}
			}
			return p
		})
	})
}

// Setup declares the exchange of jobs.
func (c *clients) Setup(ctx context.Context) error {
	if c.eager != nil {
		return nil
	}
	c.store, c.conn = c.storage.store, c.connection.Conn()
	for _, r := range c.host.Rows() {
		if name := r.CallName(); r.Tag.Get("jobs") != "" {
			c.queues.Store(routingKey(r.Service, name), queueName(r.Service, r.Tag.Get("queue")))
		}
	}
	if c.outboxed {
		if _, err := c.storage.ready(ctx); err != nil {
			return err
		}
	}
	c.prepare()
	return c.conn.Declare(ctx, exchange())
}

// Stop ends all waiting for outcomes.
func (c *clients) Stop(ctx context.Context) error { return c.Close(ctx) }

// Kill does nothing: the connection is cut.
func (c *clients) Kill() {}

// A request is a job to enqueue.
type request struct {
	service, name string
	queue         string // as far as the client knows; "" is the service's queue
	args          []any
	kwargs        any // encoded as an object; nil is none
	options       []Option
	outbox        bool // in the transaction of the call
}

// An Enqueued is a job that a client enqueues, as passed to [Config.Enqueued]. Args and Kwargs are
// JSON.
type Enqueued struct {
	ID       string
	Service  string
	Name     string
	Args     string
	Kwargs   string
	In       time.Duration
	At       time.Time
	Priority int
}

// enqueue enqueues a job.
func (e *Enqueuer) enqueue(ctx context.Context, r request) (*handle, error) {
	fail := func(err error) (*handle, error) { return nil, fmt.Errorf("job %s.%s: %w", r.service, r.name, err) }
	o, err := optionsOf(r.options)
	if err != nil {
		return fail(err)
	}
	if o.priority != 0 && !e.cfg.hasStore() && e.eager == nil {
		return fail(fmt.Errorf("jobs.Priority %w", ErrNoStore))
	}
	if r.outbox && o.tx == nil && e.eager == nil {
		if o.tx, err = txOf(ctx); err != nil {
			return fail(fmt.Errorf(`outbox:"database": %w`, err))
		}
	}
	h := &handle{enqueuer: e, id: cmp.Or(o.id, id.Ordered()), service: r.service, name: r.name}
	data, err := encodeBody(e.codec, r.args, r.kwargs)
	if err != nil {
		return fail(err)
	}
	if limit := e.maxMessage(); len(data) > limit {
		return fail(&codec.TooLarge{Size: len(data), Limit: limit})
	}
	if ctx, err = o.attached(ctx, h.id, data); err != nil {
		return fail(err)
	}
	if err := e.tell(h, r, o); err != nil {
		return fail(err)
	}
	m := transport.Publishing{
		Exchange: exchangeName, Key: routingKey(r.service, r.name), Mandatory: true, Compressible: true, Body: data,
		Properties: transport.Properties{
			ContentType: e.codec.ContentType(), ContentEncoding: e.codec.ContentEncoding(), Persistent: true,
			MessageID: h.id, Priority: uint8(min(max(o.priority, 0), 255)), Headers: headers.Of(ctx, ""),
		},
	}
	if !e.observers.On() {
		err = e.send(ctx, h, r, o, m)
	} else {
		seen := service.Message{Kind: "jobs", Service: r.service, Method: r.name, Exchange: m.Exchange, Key: m.Key, ID: h.id, Size: len(data), Headers: m.Headers}
		began := time.Now()
		ctx = e.observers.SendBegan(ctx, seen)
		err = e.send(ctx, h, r, o, m)
		e.observers.SendEnded(ctx, seen, time.Since(began), err)
	}
	if err != nil {
		return fail(err)
	}
	return h, nil
}

// limit returns ctx with a deadline after d, unless it has one.
func limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("not in %s: %w", d, context.DeadlineExceeded))
}

// maxMessage returns the maximum size of a body, in bytes.
func (e *Enqueuer) maxMessage() int {
	if e.conn == nil {
		return 16 << 20
	}
	return e.conn.MaxMessage()
}

// tell passes the job to the test that has set [Config.Enqueued].
func (e *Enqueuer) tell(h *handle, r request, o options) error {
	if e.cfg.Enqueued == nil {
		return nil
	}
	if r.args == nil {
		r.args = []any{}
	}
	if r.kwargs == nil {
		r.kwargs = noKeywords{}
	}
	args, err := codec.JSON.Encode(r.args)
	kwargs, kwargsErr := codec.JSON.Encode(r.kwargs)
	if err := errors.Join(err, kwargsErr); err != nil {
		return err
	}
	e.cfg.Enqueued(Enqueued{h.id, h.service, h.name, string(args), string(kwargs), o.in, o.at, o.priority})
	return nil
}

// send inserts the job into the store and publishes its message, or runs it if jobs are eager.
func (e *Enqueuer) send(ctx context.Context, h *handle, r request, o options, m transport.Publishing) error {
	if e.eager != nil {
		return e.eager.run(ctx, h, m)
	}
	ctx, cancel := limit(ctx, sendTime)
	defer cancel()
	switch {
	case e.store == nil && o.tx != nil:
		return fmt.Errorf("jobs.Tx %w", ErrNoStore)
	case e.store == nil:
		return e.publishAlone(ctx, h, o, m)
	}
	text, err := encodeHeaders(m.Headers)
	if err != nil {
		return err
	}
	away := e.conn == nil || !e.conn.Away().IsZero()
	n := store.New{
		ID: h.id, Service: r.service, Name: r.name, Queue: e.queueOf(r), Priority: o.priority,
		Payload: m.Body, ContentType: m.ContentType, Headers: text, In: o.in, At: o.at, Nudged: !away && o.tx == nil,
	}
	if o.tx != nil {
		return e.insertTx(ctx, h, o, n, m)
	}
	inserted, err := e.place(ctx, n, e.store.Insert)
	if err != nil {
		return fmt.Errorf("%s: %w", e.store.Name(), err)
	}
	h.id = inserted.ID // of the existing job, if that has the key
	if o.delayed() && inserted.Added && e.alarm != nil {
		e.alarm.in(o.delay())
	}
	if !away && !o.delayed() && inserted.Added {
		e.announce(ctx, m)
	}
	return nil
}

// announce publishes the message of a job that is in the store.
func (e *Enqueuer) announce(ctx context.Context, m transport.Publishing) {
	limited, cancel := context.WithTimeout(ctx, nudgeTime)
	defer cancel()
	if err := e.publish(limited, m); err != nil { // the sweeper publishes it again
		e.log.WarnContext(ctx, "the store has the job, but its message was not published: it may begin late",
			"job", m.Key, "job_id", m.MessageID, "err", err)
	}
}

// place calls insert with the job, to which it adds the terms of its row.
func (e *Enqueuer) place(ctx context.Context, n store.New, insert func(context.Context, ...store.New) ([]store.Inserted, error)) (store.Inserted, error) {
	from := reader{accepts: codec.Set{e.codec}, message: len(n.Payload), decoded: termsMemory}
	all, err := e.rules.place(ctx, e.store, from, []store.New{n}, insert)
	if err != nil {
		return store.Inserted{}, err
	}
	return all[0], nil
}

// termsMemory limits the bytes that the arguments of a job may take while its terms are computed.
const termsMemory = 128 << 20

// queueOf returns the queue from which workers take the job.
func (e *Enqueuer) queueOf(r request) string {
	if q, ok := e.queues.Load(routingKey(r.service, r.name)); ok && r.queue == "" {
		return q.(string)
	}
	return queueName(r.service, r.queue)
}

// publishAlone publishes the message of a job without inserting it into a store.
func (e *Enqueuer) publishAlone(ctx context.Context, h *handle, o options, m transport.Publishing) (err error) {
	if o.in > 0 {
		o.at = time.Now().Add(o.in)
	}
	if !o.at.IsZero() {
		m.Headers[runAtHeader] = o.at.UTC().Format(time.RFC3339Nano)
	}
	if m.ReplyTo, err = e.replies.expect(ctx, h); err != nil {
		return err
	}
	m.CorrelationID = h.id
	return e.publish(ctx, m)
}

// publish publishes m and waits for the broker's confirm. A missing exchange is declared again.
func (e *Enqueuer) publish(ctx context.Context, m transport.Publishing) error {
	err := e.conn.Publish(ctx, m)
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound {
		if err = e.conn.Declare(ctx, exchange()); err == nil {
			err = e.conn.Publish(ctx, m)
		}
	}
	return err
}

// notFound is the broker's reply code for an exchange that does not exist.
const notFound = 404
