package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Dispatcher dispatches an event and returns when the broker has confirmed it. As a field, it
// dispatches in the name of its service; [NewDispatcher] is for programs that host no services. In
// a test, any func can be the Dispatcher. Several goroutines may call it; none waits for another's
// event.
//
// The event carries the call ids and the context data of ctx. It is not an error if nobody listens,
// unless the tag of the field has mandatory:"true": then the error is a [*transport.Returned].
//
// With message_id:"true" in the tag, each event has an id, a UUID in the property message_id, by
// which a [Handler] with inbox:"true" recognises one that comes again. Nameko ignores it.
//
// With outbox:"memory" in the tag, the events of a call are dispatched when its method has
// succeeded and its per-call values were closed: nobody hears of what was not committed. A failed
// call dispatches nothing. An error of the dispatching is then the call's; what was committed stays
// committed, and the events are lost if the process dies between the two.
//
// With outbox:"database", an event is written into the transaction of the call, which jobs.UseTx
// has named. A relay dispatches it after the commit, also if the process dies: at least once, and
// in order among those of the same type. The event has a message_id in any case. The Dispatcher
// returns when the database has the event. If a mandatory event has no listener, it waits, and so
// do later ones of its type.
//
//	Dispatch events.Dispatcher `outbox:"database"`
//
// A Dispatcher waits for the broker until ctx's deadline, or 30 s if ctx has none. After an error
// that is [transport.ErrConnectionLost] or ctx's, the event may have been dispatched.
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
	if d, ok := f.Value().(Dispatcher); ok && d != nil { // a test's
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

// NewDispatcher returns a Dispatcher in the name of a service, for a program that hosts none, as
// Nameko's event_dispatcher does. It does not declare the service's exchange: if neither the
// service nor a listener of its events has ever run, dispatching is an error. Events of other
// services are not affected by it.
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
