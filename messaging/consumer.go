package messaging

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Consumer is a row of the entrypoint table: its method is called for each message of a queue, as
// with Nameko's @consume.
//
//	Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.created"`
//	Import messaging.Consumer `messaging:"legacy.import" declare:"false" requeue:"true"`
//
// The tag names the queue. The method has one of these forms:
//
//	func(ctx context.Context, payload T) error
//	func(ctx context.Context, message messaging.Message, payload T) error
//	func(ctx context.Context, message messaging.Message) error
//
// The payload may be in any of the codecs of [transport.Config].Accept, by default JSON and
// MessagePack, and may be compressed. The last form takes any body.
//
// The queue is declared, and is durable unless the tag says otherwise. Use [Declare] for what the
// tag has no key for: arguments, quorum queues and streams, several bindings. The keys of the tag:
//
//	exchange     an exchange that the queue is bound to
//	key          the routing key of the binding; the default is ""
//	kind         "direct", "topic", "fanout", "headers" or a plugin's: the exchange is declared with
//	             this kind, durable; without it, the exchange must exist, or be declared with Declare
//	declare      "false": the queue and its bindings must exist, and are not declared
//	durable      "false": the queue is deleted when the broker stops
//	auto_delete  "true": the queue is deleted with its last consumer
//	exclusive    "true": only this process may use the queue, which is deleted with its connection
//	from         where to begin reading a stream at each start: "first", "last", "next", an offset, or
//	             an age such as "1h"; the default is "next". After a lost connection, the row continues
//	             with the first message whose call has not ended
//	retry        "1s 10s*3 10m": if a call fails, its message is handled again after these delays,
//	             and then parked; not for streams. The default is [Config].Retry; "off" disables
//	             retries
//	requeue      "true": if a call fails, its message is delivered again, without a limit: at once
//	             the first time, then after 0.1 s and more, up to 10 s; not for streams
//	ack          "early": messages are acknowledged before their calls, so each is handled at most
//	             once; without it, a message whose process dies is handled again
//	inbox        "true": a message that arrives again with the same message_id is handled once: the id
//	             is recorded in the call's transaction, which jobs.UseTx has named. A message without
//	             an id is always handled
//	name         the method's name in call ids; the default is the row's name in snake case
type Consumer struct{}

// A Message is a message without its decoded payload. It must not be changed.
type Message struct {
	Exchange string
	Key      string
	transport.Properties
	Body []byte
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Consumer) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	known, err := topology.Of(r.Host)
	if err != nil {
		return nil, err
	}
	sub, err := subscriptionOf(r, known)
	consumer, subErr := Subscribe(r, sub, func(d *transport.Delivery) Message {
		return Message{Exchange: d.Exchange, Key: d.Key, Properties: d.Properties, Body: d.Body}
	})
	keys := slices.Concat(topologyKeys(), FailureKeys(), []string{"messaging", "name", "exchange", "key", "from"})
	if err = errors.Join(r.Tag.Keys(keys...), err, subErr); err != nil {
		return nil, err
	}
	return consumer, nil
}

// Isolatable says that rows may have isolate:"process".
func (Consumer) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Consumer) Describe(r *service.Row) service.Description {
	return service.Description{Details: detailsOf(r.Tag, map[string]string{"messaging": "queue", "exchange": "exchange", "key": "key"})}
}

// subscriptionOf reads the tag of a row.
func subscriptionOf(r *service.Row, known *topology.Registry) (s Subscription, err error) {
	tag := r.Tag
	s.Queue = tag.Get("messaging")
	exchange, key := tag.Get("exchange"), tag.Get("key")
	var errs [4]error
	switch {
	case s.Queue == "":
		errs[0] = errors.New(`the tag must name the queue to consume, as in messaging:"bills"`)
	case exchange == "" && key != "":
		errs[0] = errors.New(`key needs an exchange: name it, as in exchange:"shop", or remove key`)
	case strings.Contains(key, " "):
		errs[0] = fmt.Errorf("key %q has a space, and a tag has one key: write messaging.Declare(messaging.Queue{Name: %q, Bindings: …})", key, s.Queue)
	}
	s.Topology, errs[1] = topologyOf(tag, known, exchange, s.Queue, key)
	s.args, errs[2] = streamOf(tag, s.Topology.Queues)
	errs[3] = s.ReadFailures(r)
	return s, errors.Join(errs[:]...)
}

// streamOf returns the arguments of a consumer of a stream, or nil if the queue is not a stream.
func streamOf(tag service.Tag, declared []transport.Queue) (transport.Table, error) {
	from := tag.Get("from")
	for _, q := range declared {
		switch stream := q.Args[typeArgument] == string(Stream); {
		case stream && from == "":
			from = "next"
		case !stream && from != "":
			return nil, fmt.Errorf("from has no meaning for queue %q, which is not a stream: remove it, or write messaging.Declare(messaging.Queue{Name: %[1]q, Type: messaging.Stream})", q.Name)
		}
	}
	if from == "" {
		return nil, nil
	}
	return transport.Table{"x-stream-offset": offset(from)}, pointless(tag, "for a stream, which does not take messages back: remove it", "requeue")
}
