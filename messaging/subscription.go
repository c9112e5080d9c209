package messaging

import (
	"context"
	"log/slog"
	"reflect"

	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Subscription is what a row takes its messages from. It is for packages with rows of their own, such as events.
type Subscription struct {
	Queue    string
	Topology transport.Topology // declared at setup, and after every redial

	// Requeue gives a message whose call has failed back to the queue at once. Otherwise it is acknowledged.
	Requeue bool

	args transport.Table // of the consumer
}

// Subscribe returns the entrypoint of a row: each message of the queue is a call of its method, which is one of
//
//	func(ctx context.Context, payload P) error
//	func(ctx context.Context, about T, payload P) error
//	func(ctx context.Context, about T) error
//
// where about makes what there is to know of a message beside its payload. The last form takes any body. As many messages
// are taken at once as the service has workers, or as the row may run at once if that is less.
func Subscribe[T any](r *service.Row, s Subscription, about func(*transport.Delivery) T) (service.Entrypoint, error) {
	told, payload, err := bind(r, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	shared, err := service.Shared(r.Host, newShared)
	if err != nil {
		return nil, err
	}
	sub := &subscriber{Subscription: s, shared: shared, row: r, payload: payload}
	if told {
		sub.leading = func(d *transport.Delivery) []any { return []any{about(d)} }
	}
	shared.subscribers = append(shared.subscribers, sub)
	return sub, topology.Add(r.Host, r.Service, r.Name, s.Topology)
}

// A subscriber is the entrypoint of one row.
type subscriber struct {
	Subscription

	shared   *shared
	row      *service.Row
	leading  func(*transport.Delivery) []any // what the method takes ahead of the payload; nil if that is nothing
	payload  reflect.Type                    // nil if the method takes any body
	consumer *transport.Consumer
}

// Setup declares what the row names.
func (s *subscriber) Setup(ctx context.Context) error {
	return s.shared.connection.Conn().Declare(ctx, s.Topology)
}

// Start consumes.
func (s *subscriber) Start(ctx context.Context) (err error) {
	s.consumer, err = s.shared.connection.Conn().Consume(ctx, transport.Consume{
		Queue:    s.Queue,
		Prefetch: s.row.Workers(), // what the row cannot run yet is better left to another process
		Args:     s.args,
		Handle: func(d *transport.Delivery) {
			s.row.Go(func(ctx context.Context) { s.settle(d, s.handle(ctx, d)) })
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

// handle makes of d the call that it is. Its error is that of the call, or an [*unreadableError] if there was none.
func (s *subscriber) handle(ctx context.Context, d *transport.Delivery) error {
	args, err := s.read(d)
	if err != nil {
		return err
	}
	r := headers.Request(d)
	r.Arguments = args
	if s.leading != nil {
		r.Leading = s.leading(d)
	}
	_, err = s.row.Run(ctx, r)
	return err
}

// log returns a logger for what is said about d.
func (s *subscriber) log(d *transport.Delivery) *slog.Logger {
	return s.row.Logger().With("queue", s.Queue, "exchange", d.Exchange, "key", d.Key)
}
