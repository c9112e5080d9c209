package messaging

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync/atomic"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A Subscription is the queue that a row consumes. It is for extensions whose rows consume a queue,
// such as events.
type Subscription struct {
	Queue    string
	Topology transport.Topology // declared when the container starts, and after each reconnect

	// Requeue returns a message to the queue if its call failed: at once the first time, and then
	// after a delay that grows to 10 s. By default the message is acknowledged.
	Requeue bool

	args transport.Table // of the consumer
}

// Subscribe returns the entrypoint of a row. Each message of the queue is a call of the row's
// method, which has one of these forms:
//
//	func(ctx context.Context, payload P) error
//	func(ctx context.Context, about T, payload P) error
//	func(ctx context.Context, about T) error
//
// The function about returns what the method may know about a message besides its payload. The last
// form takes any body. The row holds as many messages as it has workers.
func Subscribe[T any](r *service.Row, s Subscription, about func(*transport.Delivery) T) (service.Entrypoint, error) {
	takesAbout, payload, err := bind(r, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	if payload != nil {
		cfg, _ := service.Lookup[transport.Config](r.Host)
		if err := cfg.Accepts().CheckDecode("parameter", "payload", payload); err != nil {
			return nil, err
		}
	}
	sub := &subscriber{Subscription: s, row: r, payload: payload}
	if takesAbout {
		sub.about = func(d *transport.Delivery) any { return about(d) }
	}
	return sub, sub.register()
}

// A subscriber is the entrypoint of one row. Its methods stand in the order in which the container,
// and then each message, goes through them.
type subscriber struct {
	Subscription

	row      *service.Row
	shared   *shared
	about    func(*transport.Delivery) any // nil if the method does not take it
	payload  reflect.Type                  // nil if the method takes any body
	conn     *transport.Conn               // nil before Setup
	consumer *transport.Consumer           // nil before Start
	returns  returns
	pauses   pauses
}

// register adds the row to those of its container.
func (s *subscriber) register() (err error) {
	if s.shared, err = service.Shared(s.row.Host, newShared); err != nil {
		return err
	}
	known, err := topology.Of(s.row.Host)
	if err != nil {
		return err
	}
	s.pauses.init(s)
	s.shared.subscribers = append(s.shared.subscribers, s)
	s.Topology, err = known.Add(s.row.Service, s.row.Name, s.Topology, s.Queue, "")
	return err
}

// Setup declares the queue with what belongs to it.
func (s *subscriber) Setup(ctx context.Context) error {
	s.conn = s.shared.connection.Conn()
	return topology.Explain(s.conn.Declare(ctx, s.Topology))
}

// Start begins to consume.
func (s *subscriber) Start(ctx context.Context) (err error) {
	s.consumer, err = s.conn.Consume(ctx, transport.Consume{
		Queue:    s.Queue,
		Prefetch: s.row.Workers(), // other processes may have workers for further messages
		Args:     s.args,
		Resume:   true,
		Handle:   func(d *transport.Delivery) { s.row.Go(func(ctx context.Context) { s.deliver(ctx, d) }) },
	})
	if err == nil {
		s.pauses.manage(s.consumer)
	}
	return err
}

// deliver handles a message and settles it, however that ends: code of the service may end the
// goroutine.
func (s *subscriber) deliver(ctx context.Context, d *transport.Delivery) {
	var err error = &unreadableError{service.ErrExited, d.Body}
	defer func() { s.settle(d, err) }()
	err = s.handle(ctx, d)
}

// handle runs the call of a message. The error is an [*unreadableError] if the message cannot be
// read.
func (s *subscriber) handle(ctx context.Context, d *transport.Delivery) error {
	r := headers.Request(d)
	r.Withdrawn = s.pauses.signal()
	in := &input{subscriber: s, Delivery: d}
	if s.payload != nil {
		r.Input = in
		if limit := s.conn.MaxMessage(); len(d.Body) > limit { // it must not wait for a worker
			large := &codec.TooLarge{Size: len(d.Body), Limit: limit}
			s.row.Host.Observers().Refused(ctx, s.row, r.Header, large)
			return &unreadableError{large, d.Body}
		}
	}
	if s.about != nil {
		r.Leading = []any{s.about(d)}
	}
	_, err := s.row.Run(ctx, r)
	if errors.Is(err, service.ErrExited) && in.reading.Load() {
		return &unreadableError{service.ErrExited, d.Body}
	}
	return err
}

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

// decode decodes a body into what v points to. If a member of an object is missing, it logs that,
// and decodes the body without it: to drop the message would lose it. The methods of v's type, such
// as UnmarshalJSON, may panic.
func (s *subscriber) decode(d *transport.Delivery, b *codec.Budget, c codec.Codec, body []byte, v reflect.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", p))
		}
	}()
	if s.row.Lenient() {
		return b.Decode(c, body, v.Interface())
	}
	err = b.DecodeStrict(c, body, v.Interface())
	if part := (*codec.ValueError)(nil); !errors.As(err, &part) || !part.Missing {
		return err
	}
	v.Elem().SetZero()
	if decodeErr := b.Decode(c, body, v.Interface()); decodeErr != nil {
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

// A decoded is a payload that read has decoded.
type decoded reflect.Value

// Decode implements [signature.Value].
func (p decoded) Decode(to any) error {
	reflect.ValueOf(to).Elem().Set(reflect.Value(p))
	return nil
}

// An unreadableError says why a message is not a call: it cannot be decoded into the payload's
// type.
type unreadableError struct {
	reason error
	body   []byte // decompressed, if that was possible
}

func (e *unreadableError) Error() string { return e.reason.Error() }
func (e *unreadableError) Unwrap() error { return e.reason }

// settle acknowledges or rejects a message when its call has ended. The call's error is in the log
// by then.
func (s *subscriber) settle(d *transport.Delivery, err error) {
	var unreadable *unreadableError
	switch {
	case err == nil:
		s.returns.forget(d)
		d.Ack()
	case errors.Is(err, service.ErrStopped): // the call was interrupted
		d.Reject(true)
	case errors.As(err, &unreadable): // delivered again, it would still be unreadable
		s.logDropped(d, unreadable)
		d.Ack()
	case s.Requeue:
		s.returns.add(d)
	default:
		d.Ack() // as in Nameko
	}
}

// loggedBody is how many bytes of a dropped body are logged.
const loggedBody = 200

func (s *subscriber) logDropped(d *transport.Delivery, unreadable *unreadableError) {
	reason, body := unreadable.Error(), strconv.Quote(string(unreadable.body[:min(len(unreadable.body), loggedBody)]))
	if s.row.Sensitive() {
		reason, body = service.Redacted, service.Redacted
	}
	s.row.Logger().With(headers.LogAttrs(d)...).Error("message dropped: it cannot be read", "queue", s.Queue, "exchange", d.Exchange, "key", d.Key,
		"err", clip.Text(reason, clip.Log), "body", body)
}

// Stop stops consuming. Calls that run are still acknowledged.
func (s *subscriber) Stop(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	s.pauses.stop()
	err := s.consumer.Cancel(ctx)
	s.returns.stop()
	return err
}

// close writes the last acknowledgements, when every call has ended.
func (s *subscriber) close(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return s.consumer.Close(ctx)
}

// shared is what the rows of a container share.
type shared struct {
	connection  *connection.Shared
	subscribers []*subscriber
}

func newShared(host *service.Host) (*shared, error) {
	c, err := connection.Consuming(host)
	return &shared{connection: c}, err
}

// Stop closes the consumers. It is called when every call has ended.
func (s *shared) Stop(ctx context.Context) error {
	var errs []error
	for _, sub := range s.subscribers {
		errs = append(errs, sub.close(ctx))
	}
	return errors.Join(errs...)
}

// Kill does nothing: the connection is cut, and nothing more is acknowledged.
func (s *shared) Kill() {}
