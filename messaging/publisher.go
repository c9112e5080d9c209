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
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Publisher publishes a payload, and returns when the broker has taken it, as Nameko's Publisher does. Options set what one
// message has that the others have not. In a test any func is one. Several goroutines may call it, and none waits for another's
// message.
//
//	Bills   messaging.Publisher `messaging:"shop" kind:"topic" key:"order.created"`
//	Imports messaging.Publisher `queue:"imports" priority:"5" expiration:"10s"`
//
//	err := o.Bills(ctx, order)
//	err = o.Bills(ctx, order, func(m *transport.Publishing) { m.Key, m.MessageID = "order.paid", order.ID })
//
// The tag is the exchange. Its keys:
//
//	kind        the exchange is declared, of this kind; without it, it has to be there
//	key         routing key
//	queue       a queue that is declared for the messages, durable, and bound to the exchange by key, if there is an exchange;
//	            how all of this is declared, or taken as it is, is said by the keys of a [Consumer]
//	mandatory   "true": that no queue takes the message is an error, [*transport.Returned]
//	persistent  "false": the message does not outlive the broker
//	priority    0 to 255
//	expiration  "10s": the broker drops it when it has waited as long
//	headers     name=value with spaces between them, as text
//	serializer  "json" or "msgpack"; without it, what the broker's Config says
//	compression "zlib"
//
// An option finds all that in the message, Headers never nil, and may change it: serializer is ContentType there, compression
// the header of this name. The message carries the call ids and the context data of ctx beside its headers. It waits for the broker
// until ctx's deadline, or 30 s if ctx has none. After an error that is [transport.ErrConnectionLost], or ctx's, the message may
// have been taken all the same.
type Publisher func(ctx context.Context, payload any, options ...func(*transport.Publishing)) error

// Dependency makes the Publisher of a field: it implements [service.DependencyType].
func (Publisher) Dependency(f *service.Field) (any, error) {
	p, err := publishingOf(f.Tag)
	topology, topologyErr := topologyOf(f.Tag, f.Tag.Get("messaging"), f.Tag.Get("queue"), f.Tag.Get("key"))
	out, outErr := publish.New(f, topology)
	known := append(declarationKeys(), "messaging", "key", "queue", "mandatory", "persistent", "priority", "expiration", "headers",
		"serializer", "compression")
	err = errors.Join(f.Tag.Keys(known...), err, topologyErr, outErr)
	if err != nil {
		return nil, err
	}
	if own, ok := f.Value().(Publisher); ok && own != nil { // a test's
		return own, nil
	}
	return Publisher(func(ctx context.Context, payload any, options ...func(*transport.Publishing)) error {
		m := p
		m.Headers = maps.Clone(p.Headers)
		for _, option := range options {
			option(&m)
		}
		if m.Exchange == "" && m.Key == "" {
			return errors.New("message to nobody: name an exchange, a key or a queue in the field's tag, or set one in an option")
		}
		if err := out.Publish(ctx, payload, m); err != nil {
			return fmt.Errorf("message to %s: %w", m.Exchange+"/"+m.Key, err)
		}
		return nil
	}), nil
}

// publishingOf returns what every message of a field has.
func publishingOf(tag service.Tag) (p transport.Publishing, err error) {
	p.Exchange, p.Key = tag.Get("messaging"), tag.Get("key")
	var errs [4]error
	if queue := tag.Get("queue"); queue != "" && p.Exchange == "" {
		if p.Key != "" {
			errs[0] = errors.New("key has no meaning without an exchange: the default exchange routes by the queue's name")
		}
		p.Key = queue
	}
	p.Mandatory, errs[1] = tag.Flag("mandatory", false)
	p.Persistent, errs[2] = tag.Flag("persistent", true)
	if text := tag.Get("priority"); text != "" {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			errs[3] = fmt.Errorf("priority %q is no number from 0 to 255", text)
		}
		p.Priority = uint8(n)
	}
	if text := tag.Get("expiration"); text != "" {
		p.Expiration, err = time.ParseDuration(text)
		if err != nil || p.Expiration <= 0 {
			err = fmt.Errorf(`expiration %q is no time: write expiration:"10s"`, text)
		}
	}
	return p, errors.Join(append(errs[:], err, format(tag, &p))...)
}

// format reads what says how the payload becomes the body, and the headers.
func format(tag service.Tag, p *transport.Publishing) (err error) {
	static, err := tableOf(tag, "headers", "x-tenant=eu x-version=2", text)
	p.Headers = transport.Table{}
	maps.Copy(p.Headers, static)
	switch name := tag.Get("serializer"); name {
	case "":
	case "json":
		p.ContentType = codec.JSON.ContentType()
	case "msgpack":
		p.ContentType = msgpack.Codec.ContentType()
	default:
		err = errors.Join(err, fmt.Errorf(`serializer %q is not known: write "json" or "msgpack"`, name))
	}
	switch name := tag.Get("compression"); name {
	case "":
	case "zlib":
		p.Headers["compression"] = codec.Zlib
	default:
		err = errors.Join(err, fmt.Errorf(`compression %q is not known: write "zlib"`, name))
	}
	return err
}
