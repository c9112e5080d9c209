package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Subscription is what a row takes its messages from. It is for packages with rows of their own, such as events.
type Subscription struct {
	Queue    string
	Topology transport.Topology // declared at setup, and after every redial

	// Requeue gives a message whose call has failed back to the queue at once. Otherwise it is acknowledged.
	Requeue bool

	// Lead returns the values that the row's method takes ahead of the payload, as [service.Field.Bind] was told; nil is none.
	Lead func(*transport.Delivery) []any

	args transport.Table // of the consumer
	raw  bool            // the method takes no payload, and so any body
}

// Subscribe returns the entrypoint of a row whose method is bound: each message of the queue is a call of it, with the
// payload as its one argument. As many are taken at once as the service has workers.
func Subscribe(f *service.Field, s Subscription) (service.Entrypoint, error) {
	h, err := service.Shared(f.Host, newHub)
	if err != nil {
		return nil, err
	}
	sub := &subscriber{Subscription: s, hub: h, field: f}
	return sub, h.subscribe(sub)
}

// A subscriber is the entrypoint of one row.
type subscriber struct {
	Subscription

	hub      *hub
	field    *service.Field
	consumer *transport.Consumer
}

// Setup declares what the row names.
func (s *subscriber) Setup(ctx context.Context) error { return s.hub.in.Declare(ctx, s.Topology) }

// Start consumes.
func (s *subscriber) Start(ctx context.Context) (err error) {
	s.consumer, err = s.hub.in.Consume(ctx, transport.Consume{
		Queue:    s.Queue,
		Prefetch: s.field.MaxWorkers(),
		Args:     s.args,
		Handle: func(d *transport.Delivery) {
			s.field.Go(func(ctx context.Context) { s.settle(d, s.call(ctx, d)) })
		},
	})
	return err
}

// Stop ends the deliveries; calls that run are still acknowledged.
func (s *subscriber) Stop(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return s.consumer.Cancel(ctx)
}

// close lets the last acknowledgements out.
func (s *subscriber) close(ctx context.Context) error {
	if s.consumer == nil {
		return nil
	}
	return s.consumer.Close(ctx)
}

// call runs the call that d asks for.
func (s *subscriber) call(ctx context.Context, d *transport.Delivery) error {
	var lead []any
	if s.Lead != nil {
		lead = s.Lead(d)
	}
	var args service.Arguments
	if !s.raw {
		if err := readable(d, s.hub.in.MaxMessage()); err != nil {
			return err
		}
		args.Positional = []service.Value{payload(d.Body)}
	}
	_, err := s.field.Run(ctx, CallOf(d), args, lead...)
	return err
}

// settle is what becomes of a message when its call has ended with err, which is in the log already if the method was run.
func (s *subscriber) settle(d *transport.Delivery, err error) {
	var unread *unreadableError
	var misfit *service.SignatureError
	switch {
	case errors.Is(err, service.ErrStopped): // it was not run to its end
		d.Reject(true)
		return
	case errors.As(err, &unread), errors.As(err, &misfit): // running it again would not help
		head := d.Body[:min(len(d.Body), 200)]
		s.log(d).Error("message dropped: it cannot be read", "err", err, "body", strconv.Quote(string(head)))
	case err != nil && s.Requeue:
		d.Reject(true)
		return
	}
	d.Ack()
}

// log returns a logger for what is said about d.
func (s *subscriber) log(d *transport.Delivery) *slog.Logger {
	return s.field.Logger().With("queue", s.Queue, "exchange", d.Exchange, "key", d.Key)
}

// payload is a body before its type is known.
type payload []byte

func (p payload) Decode(to any) error { return transport.JSON.Decode(p, to) }

// An unreadableError says why a body cannot be decoded into anything.
type unreadableError struct{ text string }

func (e *unreadableError) Error() string { return e.text }

func unreadablef(format string, args ...any) error {
	return &unreadableError{fmt.Sprintf(format, args...)}
}

// readable returns an error if the body cannot be decoded whatever its type.
func readable(d *transport.Delivery, limit int) error {
	if len(d.Body) > limit {
		return unreadablef("body of %d bytes is over max_message, %d", len(d.Body), limit)
	}
	if compression := d.Headers["compression"]; compression != nil && compression != "" {
		return unreadablef("compression %q is not supported: send the body as it is", fmt.Sprint(compression))
	}
	if d.ContentType != "" && d.ContentType != transport.JSON.ContentType() {
		return unreadablef("content_type %q is not accepted: send %s", d.ContentType, transport.JSON.ContentType())
	}
	switch strings.ToLower(d.ContentEncoding) {
	case "", "utf-8", "utf8":
	default:
		return unreadablef("content_encoding %q is not accepted: send utf-8", d.ContentEncoding)
	}
	if !utf8.Valid(d.Body) {
		return unreadablef("body is not valid UTF-8")
	}
	return nil
}
