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

// Handler is a row of the entrypoint table: its method is called for events of another service.
//
//	ForgetUser events.Handler `events:"users.user_deleted" retry:"1s 10s*3 10m"`
//	Archive    events.Handler `events:"shop.eu order.#" delivery:"singleton" requeue:"true"`
//
// The tag names the service and the type of the event, separated by a dot, or by a space if one of
// the names has a dot. The type may be a pattern: * stands for one word between dots, # for any
// number of words. The method has one of these forms:
//
//	func(ctx context.Context, payload T) error
//	func(ctx context.Context, event events.Event, payload T) error
//	func(ctx context.Context, event events.Event) error
//
// The other keys of the tag:
//
//	delivery  "pool", the default: one instance of each service handles the event
//	          "singleton": one instance of all services handles it
//	          "broadcast": every instance handles it
//	reliable  "false": the queue is deleted with its last listener, and events that nobody listens to
//	          are lost
//	retry     "1s 10s*3 10m": if a call fails, its event is handled again after these delays, and
//	          then parked. The default is messaging.Config.Retry; "off" disables retries
//	requeue   "true": if a call fails, its event is delivered again, without a limit: at once the
//	          first time, then after 0.1 s and more, up to 10 s
//	ack       "early": events are acknowledged before their calls, so each is handled at most once;
//	          without it, an event whose process dies is handled again
//	inbox     "true": an event that arrives again with the same message_id is handled once: the id is
//	          recorded in the call's transaction, which jobs.UseTx has named. An event without an id
//	          is always handled
//	name      the method's name in call ids and in the name of the queue; the default is the row's
//	          name in snake case, forget_user
//
// Queues have Nameko's names, flags and bindings, so instances in Python and in Go share them: see
// docs/wire/nameko.md, Event queues.
type Handler struct{}

// An Event is an event without its payload.
type Event struct {
	Service string // the service that dispatched it, such as users
	Type    string // such as user_deleted
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Handler) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	from, err := parseSource(r.Tag.Get("events"))
	sub, subErr := subscriptionOf(r, from)
	if err != nil {
		subErr = nil // it would only follow from err
	}
	handler, bindErr := messaging.Subscribe(r, sub, func(d *transport.Delivery) Event {
		return Event{Service: strings.TrimSuffix(d.Exchange, suffix), Type: d.Key}
	})
	if err = errors.Join(r.Tag.Keys(append(messaging.FailureKeys(), "events", "name", "delivery", "reliable")...), err, subErr, bindErr); err != nil {
		return nil, err
	}
	return handler, nil
}

// Isolatable says that rows may have isolate:"process".
func (Handler) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Handler) Describe(r *service.Row) service.Description {
	from, _ := parseSource(r.Tag.Get("events"))
	delivery := cmp.Or(r.Tag.Get("delivery"), "pool")
	details := map[string]any{"service": from.service, "event": from.pattern, "delivery": delivery}
	if delivery != "broadcast" { // each instance has its own queue
		if sub, err := subscriptionOf(r, from); err == nil {
			details["queue"] = sub.Queue
		}
	}
	return service.Description{Details: details}
}

// A source is the events that a row handles: those of a service whose type matches a pattern.
type source struct{ service, pattern string }

// parseSource reads "users.user_deleted", or "a.b user.deleted" if a name has a dot.
func parseSource(text string) (source, error) {
	from, pattern, spaced := strings.Cut(text, " ")
	if !spaced {
		dots := strings.Count(text, ".")
		if dots > 1 {
			return source{}, ambiguous(text)
		}
		from, pattern, _ = strings.Cut(text, ".")
	}
	s := source{from, strings.TrimSpace(pattern)}
	if s.service == "" || s.pattern == "" || strings.ContainsAny(s.pattern, " \t") {
		return s, fmt.Errorf(`%q does not name an event: write service and type, as in events:"users.user_deleted"`, text)
	}
	if strings.ContainsAny(s.service, "*#") {
		return s, fmt.Errorf("service %q is a pattern: only the type can be one, because each service has its own exchange", s.service)
	}
	if err := service.CheckName(s.service); err != nil {
		return s, err
	}
	for word := range strings.SplitSeq(s.pattern, ".") {
		if len(word) > 1 && strings.ContainsAny(word, "*#") {
			return s, fmt.Errorf("type %q would match nothing: * stands for one whole word between dots, # for any number of words, and %q mixes them with letters",
				s.pattern, word)
		}
	}
	return s, nil
}

// ambiguous returns the error for a text that can be read in several ways, and lists them.
func ambiguous(text string) error {
	var readings []string
	for i, r := range text {
		if r == '.' && i > 0 && i < len(text)-1 {
			readings = append(readings, fmt.Sprintf("events:%q", text[:i]+" "+text[i+1:]))
		}
	}
	return fmt.Errorf("%q has several dots, so service and type are unclear: write %s", text, strings.Join(readings, " or "))
}

// subscriptionOf returns a row's queue and the topology to declare for it: see docs/wire/nameko.md,
// Event queues.
func subscriptionOf(r *service.Row, from source) (sub messaging.Subscription, err error) {
	cfg, _ := service.Lookup[Config](r.Host)
	reliable, reliableErr := r.Tag.Flag("reliable", true)
	if reliableErr != nil {
		return sub, errors.Join(reliableErr, sub.ReadFailures(r))
	}
	q := transport.Queue{Name: "evt-" + from.service + "-" + from.pattern, Durable: true, AutoDelete: !reliable}
	switch delivery := cmp.Or(r.Tag.Get("delivery"), "pool"); delivery {
	case "singleton":
	case "pool":
		q.Name += "--" + r.Service + "." + methodname.Of(r)
	case "broadcast":
		id, err := identityOf(r, cfg, reliable)
		if err != nil {
			return sub, err
		}
		q.Name += "--" + r.Service + "." + methodname.Of(r) + "-"
		if !reliable {
			q.Exclusive, q.Renewed = true, q.Name
		}
		q.Name += id
	default:
		return sub, fmt.Errorf(`delivery %q is not known: write "pool", "singleton" or "broadcast"`, delivery)
	}
	if len(q.Name) > 255 {
		return sub, fmt.Errorf("queue %q has %d bytes, over AMQP's limit of 255: use shorter names", q.Name, len(q.Name))
	}
	sub = messaging.Subscription{
		Queue: q.Name,
		Topology: transport.Topology{
			Exchanges: cfg.exchanges(from.service),
			Queues:    []transport.Queue{q},
			Bindings:  []transport.Binding{{Queue: q.Name, Exchange: exchangeOf(from.service), Key: from.pattern}},
		},
	}
	return sub, sub.ReadFailures(r)
}

// identityOf returns the part of a broadcast queue's name that identifies this instance.
func identityOf(r *service.Row, cfg Config, reliable bool) (string, error) {
	switch {
	case !reliable: // exclusive: a lost connection may still lock the old name
		fresh, err := service.Shared(r.Host, newIdentity)
		if err != nil {
			return "", err
		}
		return string(*fresh), nil
	case cfg.Identity == "":
		return "", errors.New(`a reliable broadcast needs an identity that outlives a restart: set gomeko.broadcast_identity in the configuration (events.Config.Identity), or write reliable:"false"`)
	}
	return cfg.Identity, nil
}

// An identity identifies one start of a process.
type identity string

func newIdentity(*service.Host) (*identity, error) {
	id := identity(strings.ReplaceAll(uuid.NewString(), "-", ""))
	return &id, nil
}
