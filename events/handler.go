package events

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/methodname"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Handler is a row of the entrypoint table: a method that is called for events of another service.
//
//	ForgetUser events.Handler `events:"users.user_deleted"`
//	Archive    events.Handler `events:"shop.eu order.#" delivery:"singleton" requeue:"true"`
//
// The tag is the service that dispatches and the type of the event, with a space between them where one of the two has a dot.
// The type may be a pattern: * stands for one word, # for any number. The method is
//
//	func(ctx context.Context, payload T) error
//	func(ctx context.Context, event events.Event, payload T) error
//	func(ctx context.Context, event events.Event) error
//
// and its name on the wire is the row's in snake case, forget_user, which is part of the queue's name; name:"…" is another
// one. Further keys of the tag:
//
//	delivery   "pool", the default: one instance of each service gets the event; "singleton": one instance of all services
//	           that listen so; "broadcast": every instance
//	reliable   "false": the queue ends with its last listener, and events that come when there is none are lost
//	requeue    "true": an event whose call failed is delivered again at once, without end
//
// Queues have Nameko's names, flags and bindings, so instances in Python and in Go share them: see
// docs/wire/nameko.md, Event queues.
type Handler struct{}

// An Event is what a handler may know of an event beside its payload.
type Event struct {
	Service string // users, who dispatched it
	Type    string // user_deleted
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Handler) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	from, err := parseSource(r.Tag.Get("events"))
	sub, subErr := subscription(r, from)
	if err != nil {
		subErr = nil // it is about what was not read
	}
	handler, bindErr := messaging.Subscribe(r, sub, func(d *transport.Delivery) Event {
		return Event{Service: strings.TrimSuffix(d.Exchange, suffix), Type: d.Key}
	})
	if err = errors.Join(r.Tag.Keys("events", "name", "delivery", "reliable", "requeue"), err, subErr, bindErr); err != nil {
		return nil, err
	}
	return handler, nil
}

// subscription returns a row's queue and its declarations: see docs/wire/nameko.md, Event queues.
func subscription(r *service.Row, from source) (sub messaging.Subscription, err error) {
	cfg, _ := service.Lookup[Config](r.Host)
	reliable, reliableErr := r.Tag.Flag("reliable", true)
	requeue, requeueErr := r.Tag.Flag("requeue", false)
	if err := errors.Join(reliableErr, requeueErr); err != nil {
		return sub, err
	}
	q := transport.Queue{Name: "evt-" + from.service + "-" + from.pattern, Durable: true, AutoDelete: !reliable}
	switch delivery := cmp.Or(r.Tag.Get("delivery"), "pool"); delivery {
	case "singleton":
	case "pool":
		q.Name += "--" + r.Service + "." + methodname.Of(r)
	case "broadcast":
		id := cfg.Identity
		switch {
		case !reliable: // exclusive: under the old name it might be taken, by a connection that is dead and not known to be
			fresh, err := service.Shared(r.Host, newIdentity)
			if err != nil {
				return sub, err
			}
			id = string(*fresh)
		case id == "":
			return sub, errors.New(`a reliable broadcast needs an identity that outlives a restart: set gomeko.broadcast_identity in the configuration (events.Config.Identity), or write reliable:"false"`)
		}
		q.Name += "--" + r.Service + "." + methodname.Of(r) + "-" + id
		q.Exclusive = !reliable
	default:
		return sub, fmt.Errorf(`delivery %q is not known: write "pool", "singleton" or "broadcast"`, delivery)
	}
	if len(q.Name) > 255 {
		return sub, fmt.Errorf("queue %q has %d bytes, and AMQP takes 255: use shorter names", q.Name, len(q.Name))
	}
	return messaging.Subscription{
		Queue:   q.Name,
		Requeue: requeue,
		Topology: transport.Topology{
			Exchanges: cfg.exchanges(from.service),
			Queues:    []transport.Queue{q},
			Bindings:  []transport.Binding{{Queue: q.Name, Exchange: exchangeOf(from.service), Key: from.pattern}},
		},
	}, nil
}

// An identity is that of one start.
type identity string

func newIdentity(*service.Host) (*identity, error) {
	id := identity(strings.ReplaceAll(uuid.NewString(), "-", ""))
	return &id, nil
}
