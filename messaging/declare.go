package messaging

import (
	"errors"
	"fmt"
	"maps"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Declare declares exchanges and queues that rows and publishers use, where the keys of their tags
// do not suffice. The values are of type [Exchange] and [Queue]:
//
//	messaging.Declare(
//		messaging.Exchange{Name: "shop", Kind: messaging.Topic},
//		messaging.Queue{Name: "bills", Type: messaging.Quorum, Bindings: []messaging.Binding{
//			{Exchange: "shop", Key: "order.created"},
//			{Exchange: "shop", Key: "order.paid"},
//		}},
//	)
//
// A row names such a queue, as in messaging:"bills". The process declares it when it starts and
// after each reconnect, together with its bindings, their exchanges, and the destination of its
// dead letters.
//
// It is a mistake to declare a queue that no row and no publisher names, or an exchange that
// nothing is bound to or publishes to, unless it collects dead letters or messages that an exchange
// cannot route. It is also a mistake to declare a name twice with different flags, or differently
// from the tag of a row.
func Declare(values ...any) fx.Option {
	var d topology.Declared
	for i, v := range values {
		var err error
		switch v := v.(type) {
		case Exchange:
			err = v.declare(&d)
		case Queue:
			err = v.declare(&d)
		case *Exchange, *Queue:
			err = fmt.Errorf("is given as %T: remove the &", v)
		case Binding:
			err = errors.New("is a messaging.Binding: put it into the Bindings of a messaging.Queue")
		case nil:
			err = errors.New("is nil: pass values of messaging.Exchange and messaging.Queue")
		default:
			err = fmt.Errorf("is a %T: pass values of messaging.Exchange and messaging.Queue", v)
		}
		if err != nil {
			d.Mistakes = append(d.Mistakes, fmt.Errorf("value %d: %w", i+1, err))
		}
	}
	return service.Configure(d)
}

// A Kind is the kind of an exchange. It can also be a plugin's kind, such as "x-delayed-message".
type Kind string

// These are the kinds that every broker has.
const (
	Direct  Kind = "direct"
	Topic   Kind = "topic"
	Fanout  Kind = "fanout"
	Headers Kind = "headers"
)

// An Exchange is declared with [Declare]. Without a Kind, it is not declared and must exist.
type Exchange struct {
	Name string
	Kind Kind

	Transient  bool // deleted when the broker stops
	AutoDelete bool // deleted with its last binding

	// Arguments are those of exchange.declare, such as alternate-exchange.
	Arguments map[string]any
}

// declare adds the exchange to d.
func (e Exchange) declare(d *topology.Declared) error {
	switch {
	case e.Name == "":
		return errors.New("the Exchange has no Name")
	case e.Kind == "" && (e.Transient || e.AutoDelete || e.Arguments != nil):
		return fmt.Errorf("exchange %q has no Kind, so it is not declared, and its other fields have no meaning: add a Kind or remove them", e.Name)
	case e.Kind != "":
		if err := e.Kind.check(); err != nil {
			return fmt.Errorf("exchange %q: %w", e.Name, err)
		}
	}
	d.Exchanges = append(d.Exchanges, transport.Exchange{
		Name:       e.Name,
		Kind:       string(e.Kind),
		Durable:    !e.Transient && e.Kind != "",
		AutoDelete: e.AutoDelete,
		Args:       maps.Clone(e.Arguments),
	})
	return nil
}

// A QueueType is the type of a queue.
type QueueType string

// These are the types of queues.
const (
	Classic QueueType = "" // or the default type of the virtual host
	Quorum  QueueType = "quorum"
	Stream  QueueType = "stream"
)

// typeArgument is the argument of queue.declare that sets the type.
const typeArgument = "x-queue-type"

// A Queue is declared with [Declare].
type Queue struct {
	Name string
	Type QueueType

	Transient  bool // deleted when the broker stops
	AutoDelete bool // deleted with its last consumer
	Exclusive  bool // only this process may use it; deleted with the connection

	// Arguments are those of queue.declare, such as x-max-length or x-dead-letter-exchange.
	Arguments map[string]any

	Bindings []Binding
}

// A Binding routes messages from an exchange to the queue whose Bindings it is in. The exchange
// must be declared with [Declare] too, or be one of the broker's own, such as amq.topic.
type Binding struct {
	Exchange  string
	Key       string         // the routing key, or a pattern for it
	Arguments map[string]any // used for routing by an exchange of kind Headers
}

// declare adds the queue to d.
func (q Queue) declare(d *topology.Declared) error {
	_, typed := q.Arguments[typeArgument]
	switch {
	case q.Name == "":
		return errors.New("the Queue has no Name")
	case typed:
		return fmt.Errorf("queue %q: Arguments must not have %s: set Type", q.Name, typeArgument)
	case q.Type != Classic && q.Type != Quorum && q.Type != Stream:
		return fmt.Errorf("queue %q: Type %q is not known: write messaging.Classic, messaging.Quorum or messaging.Stream", q.Name, string(q.Type))
	case q.Type != Classic && (q.Transient || q.AutoDelete || q.Exclusive):
		return fmt.Errorf("queue %q: of type %s it cannot be Transient, AutoDelete or Exclusive", q.Name, string(q.Type))
	}
	args := maps.Clone(q.Arguments)
	if q.Type != Classic {
		if args == nil {
			args = map[string]any{}
		}
		args[typeArgument] = string(q.Type)
	}
	d.Queues = append(d.Queues, transport.Queue{
		Name:       q.Name,
		Durable:    !q.Transient,
		AutoDelete: q.AutoDelete,
		Exclusive:  q.Exclusive,
		Args:       args,
	})
	for _, b := range q.Bindings {
		d.Bindings = append(d.Bindings, transport.Binding{Queue: q.Name, Exchange: b.Exchange, Key: b.Key, Args: maps.Clone(b.Arguments)})
	}
	return nil
}
