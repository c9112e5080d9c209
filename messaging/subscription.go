package messaging

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A Subscription describes the queue that a row consumes. It is for extensions whose rows consume a
// queue, such as events.
type Subscription struct {
	Queue    string
	Topology transport.Topology // declared when the container starts, and after each reconnect

	// Retry holds the delays after which a message whose call failed is handled again. After the last
	// one, the message is parked. Without Retry and Requeue, the message is acknowledged.
	// [Subscription.ReadFailures] reads Retry, Requeue, AckEarly and Inbox from the row's tag.
	Retry service.Ladder

	// Requeue returns a message to the queue if its call failed: at once the first time, then after a
	// delay that grows to 10 s.
	Requeue bool

	// AckEarly acknowledges a message before its call, so that it is handled at most once.
	AckEarly bool

	// Inbox ensures that a message which arrives again with the same message_id is handled once, in
	// the transaction of its call: see [Inbox].
	Inbox bool

	args transport.Table // of the consumer
}

// Subscribe returns the entrypoint of a row. Each message of the queue is a call of the row's
// method, which has one of these forms:
//
//	func(ctx context.Context, payload P) error
//	func(ctx context.Context, about T, payload P) error
//	func(ctx context.Context, about T) error
//
// The function about returns what the method may know about a message in addition to its payload.
// The last form takes any body. The row holds as many messages as it has workers.
func Subscribe[T any](r *service.Row, s Subscription, about func(*transport.Delivery) T) (service.Entrypoint, error) {
	takesAbout, payload, err := bind(r, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	checked := false
	if payload != nil {
		checked, _ = constraint.Within(payload, map[reflect.Type]bool{}) // Bind reports mistakes
		cfg, _ := service.Lookup[transport.Config](r.Host)
		if err := cfg.Accepts().CheckDecode("parameter", "payload", payload); err != nil {
			return nil, err
		}
	}
	sub := &subscriber{Subscription: s, row: r, payload: payload, checked: checked}
	if takesAbout {
		sub.about = func(d *transport.Delivery) any { return about(d) }
	}
	return sub, sub.register()
}

// A subscriber is the entrypoint of one row. Its methods are in the order in which the container,
// and then each message, goes through them.
type subscriber struct {
	Subscription

	row      *service.Row
	shared   *shared
	about    func(*transport.Delivery) any // nil if the method does not take it
	payload  reflect.Type                  // nil if the method takes any body
	checked  bool                          // fields of the payload have constraints
	server   Server                        // handles the messages in place of row; nil if row handles them
	conn     *transport.Conn               // nil before Setup
	consumer *transport.Consumer           // nil before Start
	inbox    *inbox                        // nil without Inbox
	returns  returns
	pauses   pauses
	streak   streak
	retries  retries
	suspects suspects
}

// register adds the row to those of its container, and its queue to the declared topology.
func (s *subscriber) register() error {
	if err := s.share(); err != nil {
		return err
	}
	known, err := topology.Of(s.row.Host)
	if err == nil {
		s.Topology, err = known.Add(s.row.Service, s.row.Name, s.Topology, s.Queue, "")
	}
	return err
}

// share adds the row to those of its container.
func (s *subscriber) share() (err error) {
	if s.shared, err = service.Shared(s.row.Host, newShared); err != nil {
		return err
	}
	s.pauses.init(s)
	s.streak.init(s)
	if len(s.Retry) > 0 {
		if _, err = connection.Publishing(s.row.Host); err != nil {
			return err
		}
	}
	if s.Inbox {
		if s.inbox, err = inboxOf(s.row, s.Queue); err != nil {
			return err
		}
	}
	s.retries.init(s)
	s.suspects.sub = s
	s.shared.subscribers = append(s.shared.subscribers, s)
	return connection.Planned(s.row.Host, s.plan)
}

// plan returns what the row asks of the broker. Failed messages are moved through the default
// exchange, even without retry, if the method asks for it.
func (s *subscriber) plan() connection.Plan {
	p := connection.Plan{By: s.row.Name + " of " + s.row.Service, Topology: s.Topology, Consumes: []string{s.Queue}}
	if s.server != nil {
		p.Topology = s.server.Topology()
	}
	if len(s.Retry) > 0 {
		more := connection.Merge(transport.Topology{Queues: []transport.Queue{s.retries.queues.Retry(s.Queue)}}, s.suspects.topology())
		p.Topology = connection.Merge(p.Topology, more)
		p.Consumes, p.Writes = append(p.Consumes, more.Queues[0].Name, more.Queues[1].Name), append(p.Writes, "")
	}
	if !s.isStream() && !s.isTransient() {
		q := s.retries.queues
		p.Later = transport.Use{Topology: connection.Merge(q.Delay(s.Queue, 0), s.suspects.topology()), Writes: []string{""}}
		p.Later.Queues = append(p.Later.Queues, q.Dead(s.Queue))
		p.Later.Consumes = []string{deadletter.RetryQueue(s.Queue), deadletter.SuspectQueue(s.Queue)}
	}
	return p
}

// Setup declares the queue and everything that belongs to it.
func (s *subscriber) Setup(ctx context.Context) error {
	s.conn = s.shared.connection.Conn()
	if s.server != nil {
		s.Topology = s.server.Topology()
	}
	if err := s.conn.Declare(ctx, s.Topology); err != nil {
		return topology.Explain(err)
	}
	return s.retries.setup(ctx)
}

// Start begins to consume.
func (s *subscriber) Start(ctx context.Context) (err error) {
	s.consumer, err = s.consume(ctx, s.Queue, s.args, func(d *transport.Delivery) received { return arrived(d) })
	if err != nil {
		return err
	}
	if err := s.retries.start(ctx); err != nil {
		return err
	}
	return s.suspects.start(ctx)
}

// consume begins to consume a queue. open returns the message in a delivery of it.
func (s *subscriber) consume(ctx context.Context, queue string, args transport.Table, open func(*transport.Delivery) received) (*transport.Consumer, error) {
	c, err := s.conn.Consume(ctx, transport.Consume{
		Queue:    queue,
		Prefetch: s.workers(), // other processes may have workers for further messages
		Args:     args,
		Resume:   true,
		Handle: func(d *transport.Delivery) {
			s.row.Go(func(ctx context.Context) { s.deliver(ctx, open(d)) })
		},
		Unhandled: s.suspects.unhandled(open),
	})
	if err == nil {
		s.pauses.manage(c)
	}
	return c, err
}

// workers returns how many messages of a queue the row holds.
func (s *subscriber) workers() int {
	if s.server != nil {
		return s.server.Workers()
	}
	return s.row.Workers()
}

// A received is a message to handle.
type received struct {
	*transport.Delivery // from the queue, or from the one that brings a retry; this one is settled

	first   *transport.Delivery // the message as it was first published
	attempt deadletter.Attempt
	suspect bool // it comes from the suspects
}

// arrived returns the message in a delivery of the queue.
func arrived(d *transport.Delivery) received {
	return received{d, d, deadletter.Attempt{Exchange: d.Exchange, Key: d.Key, Number: 1}, false}
}

// deliver handles a message and settles it in any case: code of the service may end the goroutine.
func (s *subscriber) deliver(ctx context.Context, m received) {
	if s.suspects.isolate(ctx, m) || s.suspects.bury(ctx, m) {
		return
	}
	if s.server != nil {
		s.serve(ctx, m)
		return
	}
	var err error = &unreadableError{service.ErrExited, m.Body}
	defer func() { s.settle(ctx, m, err) }()
	err = s.handle(ctx, m)
}

// handle runs the call of a message. The error is an [*unreadableError] if the message cannot be
// read.
func (s *subscriber) handle(ctx context.Context, m received) error {
	r := headers.Request(m.first)
	r.Withdrawn = s.pauses.signal()
	r.Attempt = m.attempt.Number
	in := &input{subscriber: s, Delivery: m.first}
	if s.payload != nil {
		r.Input = in
		if limit := s.conn.MaxMessage(); len(m.Body) > limit { // it must not wait for a worker
			large := &codec.TooLarge{Size: len(m.Body), Limit: limit}
			s.row.Host.Observers().Refused(ctx, s.row, r.Header, large)
			return &unreadableError{large, m.Body}
		}
	}
	if s.about != nil {
		r.Leading = []any{s.about(m.first)}
	}
	if s.AckEarly {
		r.Watcher = early{m.Delivery}
	}
	if s.inbox != nil {
		r.Once = s.inbox.once(m.first.MessageID)
	}
	_, err := s.row.Run(ctx, r)
	if errors.Is(err, service.ErrExited) && in.reading.Load() {
		return &unreadableError{service.ErrExited, m.Body}
	}
	if err != nil && s.endsWithConsumer() {
		return s.again(ctx, r, err)
	}
	return err
}

// An early acknowledges a message when its call has a worker. It implements [service.Watcher].
type early struct{ *transport.Delivery }

// Began acknowledges the message.
func (e early) Began(ctx context.Context) error {
	if err := e.AckNow(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotAcked, err)
	}
	return nil
}

// errNotAcked is the error of a call whose message had to be acknowledged first, and may not have
// been.
var errNotAcked = errors.New("not acknowledged, and so not run")

// Idle does nothing.
func (early) Idle(bool) {}

// An input is a message whose payload is decoded when its call has a worker.
type input struct {
	*subscriber
	*transport.Delivery

	reading atomic.Bool // Read has not returned
}

// Read decodes the payload into the type of the method's parameter. It implements [service.Input].
func (in *input) Read(ctx context.Context) (signature.Arguments, service.Body, error) {
	in.reading.Store(true)
	args, body, err := in.read(ctx)
	in.reading.Store(false)
	return args, body, err
}

func (in *input) read(ctx context.Context) (args signature.Arguments, _ service.Body, err error) {
	b := codec.NewBudget(ctx, in.conn.MaxDecoded())
	defer b.Close()
	c, body, err := in.conn.Accepts().Open(in.Encoded(), in.conn.MaxMessage(), b)
	if err != nil {
		return args, nil, &unreadableError{err, in.Body}
	}
	v := reflect.New(in.payload)
	if err := in.decode(in.Delivery, b, c, body, v); err != nil {
		return args, nil, &unreadableError{fmt.Errorf("payload: %w", err), body}
	}
	args.Positional = []signature.Value{decoded(v.Elem())}
	return args, b, nil
}

// decode decodes a body into the value that v points to. If a member of an object is missing, it
// logs that and decodes the body without it, because dropping the message would lose it; a row that
// retries parks the message instead. The methods of v's type, such as UnmarshalJSON, may panic.
func (s *subscriber) decode(d *transport.Delivery, b *codec.Budget, c codec.Codec, body []byte, v reflect.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", p))
		}
	}()
	if s.row.Lenient() {
		return s.decodeInto(b, c, body, v, true)
	}
	err = s.decodeInto(b, c, body, v, false)
	if part := (*codec.ValueError)(nil); !errors.As(err, &part) || !part.Missing || s.retries.climbs() {
		return err
	}
	v.Elem().SetZero()
	if decodeErr := s.decodeInto(b, c, body, v, true); decodeErr != nil {
		return decodeErr
	}
	reason := err.Error()
	if s.row.Sensitive() {
		reason = service.Redacted
	}
	s.row.Logger().Error("payload is incomplete: the method runs with zero values", "queue", s.Queue, "exchange", d.Exchange, "key", d.Key,
		"err", clip.Text(reason, clip.Log), "remedy", `give the field a default or omitempty, make it a pointer, or write lenient:"true"`)
	return nil
}

// decodeInto decodes a body into the value that v points to, and checks the constraints of its
// fields.
func (s *subscriber) decodeInto(b *codec.Budget, c codec.Codec, body []byte, v reflect.Value, lenient bool) error {
	switch {
	case s.checked:
		return b.DecodeChecked(c, body, v.Interface(), lenient)
	case lenient:
		return b.Decode(c, body, v.Interface())
	}
	return b.DecodeStrict(c, body, v.Interface())
}

// A decoded is a payload that read has decoded.
type decoded reflect.Value

// Decode implements [signature.Value].
func (p decoded) Decode(to any) error {
	reflect.ValueOf(to).Elem().Set(reflect.Value(p))
	return nil
}

// Decoded returns the payload, for a method that runs in another process.
func (p decoded) Decoded() reflect.Value { return reflect.Value(p) }

// An unreadableError says why a message cannot be decoded into the payload's type, and so does not
// become a call.
type unreadableError struct {
	reason error
	body   []byte // decompressed, if that was possible
}

func (e *unreadableError) Error() string { return e.reason.Error() }
func (e *unreadableError) Unwrap() error { return e.reason }

// Stop stops consuming. Messages of running calls are still acknowledged.
func (s *subscriber) Stop(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	s.streak.stop()
	s.pauses.stop()
	err := errors.Join(s.consumer.Cancel(ctx), s.suspects.stop(ctx), s.retries.stop(ctx))
	s.returns.stop()
	return err
}

// close writes the last acknowledgements, after every call has ended.
func (s *subscriber) close(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return errors.Join(s.consumer.Close(ctx), s.suspects.close(ctx), s.retries.close(ctx))
}

// shared is what the rows of a container share.
type shared struct {
	connection  *connection.Shared // consumes, and never publishes
	publishing  *connection.Shared // publishes failed messages
	subscribers []*subscriber
}

func newShared(host *service.Host) (*shared, error) {
	publishing, err := connection.OnDemand(host)
	if err != nil {
		return nil, err
	}
	consuming, err := connection.Consuming(host)
	s := &shared{connection: consuming, publishing: publishing}
	host.WatchPauses(s.pauseFor)
	return s, err
}

// Stop closes the consumers, after every call has ended.
func (s *shared) Stop(ctx context.Context) error {
	var errs []error
	for _, sub := range s.subscribers {
		errs = append(errs, sub.close(ctx))
	}
	return errors.Join(errs...)
}

// Kill does nothing: the connection is cut, and nothing more is acknowledged.
func (s *shared) Kill() {}
