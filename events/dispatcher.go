package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Dispatcher dispatches an event and returns when the broker has confirmed it. A Dispatcher that
// is a field dispatches in the name of its service; programs that host no services use
// [NewDispatcher]. In a test, any func can be the Dispatcher. Several goroutines may call it; they
// do not wait for each other's events.
//
// The event carries the call ids and the context data of ctx. An event without a listener is not an
// error, unless the tag of the field has mandatory:"true": then the error is a
// [*transport.Returned].
//
// With message_id:"true" in the tag, each event has a UUID in the property message_id, by which a
// [Handler] with inbox:"true" recognises an event that arrives again. Nameko ignores it.
//
// With outbox:"memory" in the tag, the events of a call are dispatched after its method has
// succeeded and its per-call values are closed, so nobody hears of what was not committed. A failed
// call dispatches nothing. If dispatching fails, the call fails with that error, but what was
// committed stays committed. If the process dies between the commit and the dispatching, the events
// are lost.
//
// With outbox:"database", an event is written into the call's transaction, which jobs.UseTx has
// named, and the Dispatcher returns when the database has the event. A relay dispatches it after
// the commit, even if the process dies: at least once, and in order among events of the same type.
// The event always has a message_id. If a mandatory event has no listener, it waits, and so do
// later events of its type.
//
//	Dispatch events.Dispatcher `outbox:"database"`
//
// A Dispatcher waits for the broker until ctx's deadline, or for 30 s if ctx has none. If the error
// is [transport.ErrConnectionLost] or ctx's, the event may have been dispatched.
type Dispatcher func(ctx context.Context, event string, payload any) error

// Dependency returns the Dispatcher of a field: it implements [service.DependencyType].
func (Dispatcher) Dependency(f *service.Field) (any, error) {
	cfg, _ := service.Lookup[Config](f.Host)
	mandatory, err := f.Tag.Flag("mandatory", false)
	named, namedErr := f.Tag.Flag("message_id", false)
	p, publishErr := publish.New(f, "events", exchangeOf(f.Service), transport.Topology{Exchanges: cfg.exchanges(f.Service)})
	if err := errors.Join(f.Tag.Keys("mandatory", "message_id", "outbox"), err, namedErr, publishErr); err != nil {
		return nil, err
	}
	if d, ok := f.Value().(Dispatcher); ok && d != nil { // set by a test
		return d, nil
	}
	return dispatcher(p, f.Service, func(m *transport.Publishing) {
		m.Mandatory = mandatory
		if named {
			m.MessageID = publish.NewID()
		}
	}), nil
}

// Describe implements [service.FieldDescriber].
func (Dispatcher) Describe(f *service.Field) service.Description {
	return service.Description{Details: map[string]any{"exchange": exchangeOf(f.Service)}}
}

// NewDispatcher returns a Dispatcher in the name of a service, for a program that hosts none, like
// Nameko's event_dispatcher. It does not declare the service's exchange: if neither the service nor
// a listener of its events has ever run, dispatching fails. Events of other services are not
// affected.
//
// Options change each event before it is published:
//
//	events.NewDispatcher(conn, "users", func(m *transport.Publishing) { m.Mandatory = true })
func NewDispatcher(conn *transport.Conn, service string, options ...func(*transport.Publishing)) Dispatcher {
	return dispatcher(publish.On(conn), service, options...)
}

func dispatcher(p *publish.Publisher, service string, options ...func(*transport.Publishing)) Dispatcher {
	return func(ctx context.Context, event string, payload any) error {
		m := transport.Publishing{
			Exchange:   exchangeOf(service),
			Key:        event,
			Properties: transport.Properties{Persistent: true, Headers: transport.Table{}},
		}
		for _, option := range options {
			option(&m)
		}
		if err := p.Publish(ctx, payload, m); err != nil {
			return fmt.Errorf("event %s of %s: %w", event, service, err)
		}
		return nil
	}
}
