package messaging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Publisher publishes a payload and returns when the broker has confirmed it, like Nameko's
// Publisher. Options change a single message before it is published. In a test, any func can be the
// Publisher. Several goroutines may call it; they do not wait for each other's messages.
//
//	Bills   messaging.Publisher `messaging:"shop" kind:"topic" key:"order.created"`
//	Imports messaging.Publisher `queue:"imports" priority:"5" expiration:"10s"`
//
//	err := o.Bills(ctx, order)
//	err = o.Bills(ctx, order, func(m *transport.Publishing) { m.Key, m.MessageID = "order.paid", order.ID })
//
// The tag names the exchange. Its other keys:
//
//	kind         the exchange is declared with this kind, durable; without it, the exchange must
//	             exist, or be declared with [Declare]
//	key          the routing key
//	queue        a queue to declare, with the keys declare, durable, auto_delete and exclusive of a
//	             [Consumer]; if the tag names an exchange, the queue is bound to it by key
//	mandatory    "true": a message that reaches no queue is an error, [*transport.Returned]
//	persistent   "false": the message is lost when the broker stops
//	priority     0 to 255
//	expiration   "10s": the broker drops the message if it waits longer
//	serializer   "json" or "msgpack"; the default is [transport.Config].Codec
//	compression  "zlib"
//	message_id   "true": each message has an id, a UUID, by which a Consumer with inbox:"true" recognises
//	             a message that arrives again
//	outbox       "memory": the messages of a call are published after its method has succeeded and its
//	             per-call values are closed, so after the commit. A failed call publishes nothing. If
//	             publishing fails, the call fails with that error; what was committed stays committed
//	             "database": a message is written into the call's transaction, which jobs.UseTx has
//	             named, and published after the commit, even if the process dies: at least once, with a
//	             message_id, in order among those with the same exchange and routing key
//
// The values of these keys are set in the message before the options run: the serializer as
// ContentType, the compression as the header compression. The Headers are never nil. The call ids
// and the context data of ctx are added to them.
//
// A Publisher waits for the broker until ctx's deadline, or for 30 s if ctx has none. If the error
// is [transport.ErrConnectionLost] or ctx's, the message may have been published.
type Publisher func(ctx context.Context, payload any, options ...func(*transport.Publishing)) error

// Dependency returns the Publisher of a field: it implements [service.DependencyType].
func (Publisher) Dependency(f *service.Field) (any, error) {
	known, err := topology.Of(f.Host)
	if err != nil {
		return nil, err
	}
	exchange, key, queue := f.Tag.Get("messaging"), f.Tag.Get("key"), f.Tag.Get("queue")
	message, err := messageOf(f.Tag, exchange, key, queue)
	named, namedErr := f.Tag.Flag("message_id", false)
	t, topologyErr := topologyOf(f.Tag, known, exchange, queue, key)
	p, publishErr := publish.New(f, "messaging", exchange, t)
	keys := append(topologyKeys(), "messaging", "key", "queue", "mandatory", "persistent", "priority", "expiration",
		"serializer", "compression", "message_id", "outbox")
	if err = errors.Join(f.Tag.Keys(keys...), err, namedErr, topologyErr, publishErr); err != nil {
		return nil, err
	}
	if own, ok := f.Value().(Publisher); ok && own != nil { // set by a test
		return own, nil
	}
	return Publisher(func(ctx context.Context, payload any, options ...func(*transport.Publishing)) error {
		m := message
		m.Headers = maps.Clone(message.Headers)
		if named {
			m.MessageID = publish.NewID()
		}
		for _, option := range options {
			option(&m)
		}
		if m.Exchange == "" && m.Key == "" {
			return errors.New("message without an exchange and a key: name an exchange, a key or a queue in the field's tag, or set them in an option")
		}
		if err := p.Publish(ctx, payload, m); err != nil {
			return fmt.Errorf("message to %s: %w", m.Exchange+"/"+m.Key, err)
		}
		return nil
	}), nil
}

// Describe implements [service.FieldDescriber].
func (Publisher) Describe(f *service.Field) service.Description {
	return service.Description{Details: detailsOf(f.Tag, map[string]string{"messaging": "exchange", "key": "key", "queue": "queue"})}
}

// detailsOf returns the values of a tag's keys under the names that descriptions use for them.
func detailsOf(tag service.Tag, names map[string]string) map[string]any {
	details := map[string]any{}
	for key, name := range names {
		if value := tag.Get(key); value != "" {
			details[name] = value
		}
	}
	return details
}

// messageOf returns the parts that all messages of a field share.
func messageOf(tag service.Tag, exchange, key, queue string) (m transport.Publishing, err error) {
	m.Exchange, m.Key, m.Headers = exchange, key, transport.Table{}
	var errs [4]error
	if queue != "" && exchange == "" {
		if key != "" {
			errs[0] = errors.New("key needs an exchange: name it, as in messaging:\"shop\", or remove key")
		}
		m.Key = queue
	}
	m.Mandatory, errs[1] = tag.Flag("mandatory", false)
	m.Persistent, errs[2] = tag.Flag("persistent", true)
	if text := tag.Get("priority"); text != "" {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			errs[3] = fmt.Errorf("priority %q: must be an integer from 0 to 255", text)
		}
		m.Priority = uint8(n)
	}
	if text := tag.Get("expiration"); text != "" {
		m.Expiration, err = time.ParseDuration(text)
		if err != nil || m.Expiration <= 0 {
			err = fmt.Errorf(`expiration %q: must be a positive duration, as in expiration:"10s"`, text)
		}
	}
	return m, errors.Join(append(errs[:], err, formatOf(tag, &m))...)
}

// formatOf reads the keys that say how a payload is encoded.
func formatOf(tag service.Tag, m *transport.Publishing) (err error) {
	switch name := tag.Get("serializer"); name {
	case "":
	case "json":
		m.ContentType = codec.JSON.ContentType()
	case "msgpack":
		m.ContentType = msgpack.Codec.ContentType()
	default:
		err = fmt.Errorf(`serializer %q is not known: write "json" or "msgpack"`, name)
	}
	switch name := tag.Get("compression"); name {
	case "":
	case "zlib":
		m.Headers["compression"] = codec.Zlib
	default:
		err = errors.Join(err, fmt.Errorf(`compression %q is not known: write "zlib"`, name))
	}
	return err
}
