package messaging

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Consumer is a row of the entrypoint table: a method that is called for each message of a queue, as by Nameko's @consume.
//
//	Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.created order.paid"`
//	Audit  messaging.Consumer `messaging:"audit" arguments:"x-queue-type=stream" from:"first"`
//	Import messaging.Consumer `messaging:"legacy.import" declare:"false" requeue:"true"`
//
// The tag is the queue. The method is one of
//
//	func(ctx context.Context, payload T) error
//	func(ctx context.Context, message messaging.Message, payload T) error
//	func(ctx context.Context, message messaging.Message) error
//
// The payload is in whatever the broker's Config accepts, JSON and msgpack at first, compressed or not; the last form takes any
// body, as it came. The queue is declared durable, unless the tag says otherwise:
//
//	declare      "false": the queue, with its bindings, is taken as it is
//	durable      "false": it ends with the broker
//	auto_delete  "true": it ends with its last consumer
//	exclusive    "true": it is this process's own, and ends with its connection
//	arguments    its arguments, name=value with spaces between them
//	exchange     the exchange that it is bound to
//	kind         the exchange is declared, durable and of this kind: "direct", "topic", "fanout", "headers"; without it, it
//	             has to be there
//	key          the keys of the bindings, with spaces between them; none is one binding by ""
//	from         of a stream, which a row with declare:"false" has to say: where it begins at each start, "first", "last",
//	             "next", an offset, or an age such as "1h"; "next" if arguments say that it is a stream. After a lost connection
//	             it goes on at the first message whose call has not ended
//	requeue      "true": a message whose call failed is delivered again at once, without end; not of a stream
//	name         the method's name in call ids, if it is not the row's in snake case
type Consumer struct{}

// A Message is what a consumer may know of a message beside its payload. It must not be changed.
type Message struct {
	Exchange string
	Key      string
	transport.Properties
	Body []byte
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Consumer) Entrypoint(f *service.Field) (service.Entrypoint, error) {
	sub, err := subscriptionOf(f)
	consumer, subErr := Subscribe(f, sub, func(d *transport.Delivery) Message {
		return Message{Exchange: d.Exchange, Key: d.Key, Properties: d.Properties, Body: d.Body}
	})
	err = errors.Join(f.Keys("messaging", "name", "declare", "durable", "auto_delete", "exclusive", "arguments", "exchange",
		"kind", "key", "from", "requeue"), err, subErr)
	if err != nil {
		return nil, err
	}
	return consumer, nil
}

// subscriptionOf reads the row's tag.
func subscriptionOf(f *service.Field) (s Subscription, err error) {
	s.Queue = f.Tag("messaging")
	declare, err := Flag(f, "declare", true)
	errs := []error{err}
	s.Requeue, err = Flag(f, "requeue", false)
	errs = append(errs, err)
	q, err := queueOf(f, s.Queue)
	errs = append(errs, err)
	from := f.Tag("from")
	if q.Args["x-queue-type"] == "stream" {
		from = cmp.Or(from, "next")
	}
	if from != "" {
		s.args = transport.Table{"x-stream-offset": value(from)}
		errs = append(errs, pointless(f, "for a stream, which takes no message back: leave it out", "requeue"))
	}
	if !declare {
		errs = append(errs, pointless(f, `with declare:"false": leave one of them out`, "durable", "auto_delete", "exclusive", "arguments", "exchange", "kind", "key"))
		return s, errors.Join(errs...)
	}
	s.Topology.Queues = []transport.Queue{q}
	exchange := f.Tag("exchange")
	declared, err := exchangeOf(f, exchange)
	s.Topology.Exchanges = declared
	errs = append(errs, err)
	keys := strings.Fields(f.Tag("key"))
	switch {
	case exchange == "" && len(keys) > 0:
		errs = append(errs, errors.New(`key has no meaning without exchange: the default exchange routes by the queue's name`))
	case exchange != "" && len(keys) == 0:
		keys = []string{""}
	}
	for _, key := range keys {
		s.Topology.Bindings = append(s.Topology.Bindings, transport.Binding{Queue: q.Name, Exchange: exchange, Key: key})
	}
	return s, errors.Join(errs...)
}

// queueOf returns the declaration of a queue that is named by a tag.
func queueOf(f *service.Field, name string) (q transport.Queue, err error) {
	if name == "" {
		return q, errors.New(`no queue is named: write the one to consume, as in messaging:"bills"`)
	}
	durable, err1 := Flag(f, "durable", true)
	autoDelete, err2 := Flag(f, "auto_delete", false)
	exclusive, err3 := Flag(f, "exclusive", false)
	args, err4 := tableOf(f, "arguments", "x-queue-type=quorum x-max-length=1000", value)
	q = transport.Queue{Name: name, Durable: durable, AutoDelete: autoDelete, Exclusive: exclusive, Args: args}
	return q, errors.Join(err1, err2, err3, err4)
}

// exchangeOf returns the declaration of an exchange, none if its kind is not given.
func exchangeOf(f *service.Field, name string) ([]transport.Exchange, error) {
	kinds := []string{"direct", "topic", "fanout", "headers"}
	switch kind := f.Tag("kind"); {
	case kind == "":
		return nil, nil
	case name == "":
		return nil, errors.New(`kind has no meaning without an exchange: name it`)
	case !slices.Contains(kinds, kind) && !strings.HasPrefix(kind, "x-"):
		return nil, fmt.Errorf("kind %q is not known: write one of %s, or that of a plugin, x-…", kind, strings.Join(kinds, ", "))
	default:
		return []transport.Exchange{{Name: name, Kind: kind, Durable: true}}, nil
	}
}
