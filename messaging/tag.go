package messaging

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// queueKeys are the keys of a tag that set the flags of a queue.
var queueKeys = []string{"durable", "auto_delete", "exclusive"}

// topologyKeys returns the keys of a tag that control what is declared.
func topologyKeys() []string { return slices.Concat([]string{"declare", "kind"}, queueKeys) }

// topologyOf returns what a tag declares: an exchange, if the tag has its kind, a queue, and the
// binding between them. The names of both may be "".
func topologyOf(tag service.Tag, known *topology.Registry, exchange, queue, key string) (t transport.Topology, err error) {
	declare, err := tag.Flag("declare", true)
	if err != nil {
		return t, err
	}
	if !declare {
		keys := append(topologyKeys()[1:], "exchange")
		return t, errors.Join(pointless(tag, `with declare:"false": remove one of them`, keys...), declaredElsewhere(known, exchange, queue))
	}
	exchanges, err := exchangesOf(tag, known, exchange)
	t.Exchanges = exchanges
	if queue == "" {
		return t, errors.Join(err, pointless(tag, "without queue: name a queue, or remove it", queueKeys...))
	}
	q, queueErr := queueOf(tag, known, queue)
	t.Queues = []transport.Queue{q}
	if exchange != "" {
		t.Bindings = []transport.Binding{{Queue: queue, Exchange: exchange, Key: key}}
	}
	return t, errors.Join(err, queueErr)
}

// declaredElsewhere returns the mistake of writing declare:"false" for a queue or an exchange that
// is declared.
func declaredElsewhere(known *topology.Registry, exchange, queue string) error {
	if _, ok := known.Queue(queue); ok {
		return fmt.Errorf(`declare:"false" contradicts messaging.Declare, which declares queue %q: remove one of them`, queue)
	}
	if e, _ := known.Exchange(exchange); e.Kind != "" {
		return fmt.Errorf(`declare:"false" contradicts messaging.Declare, which declares exchange %q: remove one of them`, exchange)
	}
	return nil
}

// queueOf reads the declaration of a queue. Where messaging.Declare has one, the tag must not
// contradict it.
func queueOf(tag service.Tag, known *topology.Registry, name string) (transport.Queue, error) {
	declared, ok := known.Queue(name)
	if !ok {
		declared = transport.Queue{Name: name, Durable: true}
	}
	durable, err1 := tag.Flag("durable", declared.Durable)
	autoDelete, err2 := tag.Flag("auto_delete", declared.AutoDelete)
	exclusive, err3 := tag.Flag("exclusive", declared.Exclusive)
	err := errors.Join(err1, err2, err3)
	if !ok {
		return transport.Queue{Name: name, Durable: durable, AutoDelete: autoDelete, Exclusive: exclusive}, err
	}
	for i, differs := range []bool{durable != declared.Durable, autoDelete != declared.AutoDelete, exclusive != declared.Exclusive} {
		if key := queueKeys[i]; differs && err == nil {
			err = errors.Join(err, fmt.Errorf("%s:%q contradicts messaging.Declare, where queue %q has %s: remove the key, or change the declaration",
				key, tag.Get(key), name, topology.QueueFlags(declared)))
		}
	}
	return declared, err
}

// exchangesOf reads the declaration of an exchange. Without a kind, the exchange is not declared.
func exchangesOf(tag service.Tag, known *topology.Registry, name string) ([]transport.Exchange, error) {
	kind := tag.Get("kind")
	declared, ok := known.Exchange(name)
	switch {
	case kind == "":
		return nil, nil
	case name == "":
		return nil, pointless(tag, "without an exchange: name one, or remove it", "kind")
	case ok && declared.Kind == "":
		return nil, fmt.Errorf("kind:%q contradicts messaging.Declare, where exchange %q has no Kind, because it must exist: remove one of them", kind, name)
	case ok && declared.Kind != kind:
		return nil, fmt.Errorf("kind:%q contradicts messaging.Declare, where exchange %q has %s: remove the key, or change the declaration",
			kind, name, topology.ExchangeFlags(declared))
	case ok:
		return []transport.Exchange{declared}, nil
	}
	return []transport.Exchange{{Name: name, Kind: kind, Durable: true}}, Kind(kind).check()
}

// pointless returns a mistake for each of the keys that is in the tag but has no effect there.
func pointless(tag service.Tag, where string, keys ...string) error {
	var mistakes []error
	for _, key := range keys {
		if tag.Get(key) != "" {
			mistakes = append(mistakes, fmt.Errorf("%s has no meaning %s", key, where))
		}
	}
	return errors.Join(mistakes...)
}

// offset returns the position from which a stream is read; a number is an offset.
func offset(from string) any {
	if n, err := strconv.ParseInt(from, 10, 64); err == nil {
		return n
	}
	return from
}

// check returns an error unless k is a kind that a broker may know.
func (k Kind) check() error {
	kinds := []Kind{Direct, Topic, Fanout, Headers}
	if slices.Contains(kinds, k) || strings.HasPrefix(string(k), "x-") {
		return nil
	}
	return fmt.Errorf("kind %q is not known: write direct, topic, fanout, headers, or a plugin's, which begins with x-", string(k))
}
