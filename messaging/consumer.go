package messaging

import (
	"cmp"
	"errors"
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
//
// It is bound to an exchange, if the tag names one:
//
//	exchange              the exchange; without kind, it has to be there
//	key                   the keys of the bindings, with spaces between them; none is one binding by ""
//	binding_arguments     the arguments of each of them, by which an exchange of the kind headers routes
//	kind                  "direct", "topic", "fanout", "headers", or a plugin's: the exchange is declared so, and durable
//	exchange_durable      "false": it ends with the broker
//	exchange_auto_delete  "true": it ends with the last queue on it
//	exchange_arguments    its arguments
//
// What is consumed, and what becomes of it:
//
//	from     of a stream, which a row with declare:"false" has to say: where it begins at each start, "first", "last", "next", an
//	         offset, or an age such as "1h"; "next" if arguments say that it is a stream. After a lost connection it goes on at
//	         the first message whose call has not ended
//	requeue  "true": a message whose call failed is delivered again at once, without end; not of a stream
//	name     the method's name in call ids, if it is not the row's in snake case
type Consumer struct{}

// A Message is what a consumer may know of a message beside its payload. It must not be changed.
type Message struct {
	Exchange string
	Key      string
	transport.Properties
	Body []byte
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Consumer) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	sub, err := subscriptionOf(r.Tag)
	consumer, subErr := Subscribe(r, sub, func(d *transport.Delivery) Message {
		return Message{Exchange: d.Exchange, Key: d.Key, Properties: d.Properties, Body: d.Body}
	})
	known := append(declarationKeys(), "messaging", "name", "exchange", "key", "from", "requeue")
	err = errors.Join(r.Tag.Keys(known...), err, subErr)
	if err != nil {
		return nil, err
	}
	return consumer, nil
}

// subscriptionOf reads the row's tag.
func subscriptionOf(tag service.Tag) (s Subscription, err error) {
	s.Queue = tag.Get("messaging")
	exchange, keys := tag.Get("exchange"), strings.Fields(tag.Get("key"))
	var errs [4]error
	switch {
	case s.Queue == "":
		errs[0] = errors.New(`no queue is named: write the one to consume, as in messaging:"bills"`)
	case exchange == "" && len(keys) > 0:
		errs[0] = errors.New(`key has no meaning without exchange: the default exchange routes by the queue's name`)
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	s.Topology, errs[1] = topologyOf(tag, exchange, s.Queue, keys...)
	s.Requeue, errs[2] = tag.Flag("requeue", false)
	from := tag.Get("from")
	for _, q := range s.Topology.Queues {
		if q.Args["x-queue-type"] == "stream" {
			from = cmp.Or(from, "next")
		}
	}
	if from != "" {
		s.args = transport.Table{"x-stream-offset": value(from)}
		errs[3] = pointless(tag, "for a stream, which takes no message back: leave it out", "requeue")
	}
	return s, errors.Join(errs[:]...)
}
