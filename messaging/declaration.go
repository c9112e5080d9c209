package messaging

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// The keys of a tag that say how a queue, an exchange, and the bindings of one to the other are declared.
var (
	queueKeys    = []string{"durable", "auto_delete", "exclusive", "arguments"}
	exchangeKeys = []string{"kind", "exchange_durable", "exchange_auto_delete", "exchange_arguments"}
	bindingKeys  = []string{"binding_arguments"}
)

// declarationKeys are all of them.
func declarationKeys() []string {
	return slices.Concat([]string{"declare"}, queueKeys, exchangeKeys, bindingKeys)
}

// topologyOf reads what a field's tag declares: an exchange if its kind is given, a queue, and the bindings of one to the other by
// keys. A name that is "" is of none.
func topologyOf(tag service.Tag, exchange, queue string, keys ...string) (t transport.Topology, err error) {
	declare, err := tag.Flag("declare", true)
	if err != nil {
		return t, err
	}
	if !declare {
		return t, pointless(tag, `with declare:"false": leave one of them out`, append(declarationKeys()[1:], "exchange")...)
	}
	t.Exchanges, err = exchangesOf(tag, exchange)
	if queue == "" {
		return t, errors.Join(err, pointless(tag, "without queue: name one, or leave it out", slices.Concat(queueKeys, bindingKeys)...))
	}
	q, queueErr := queueOf(tag, queue)
	t.Queues = []transport.Queue{q}
	if exchange == "" {
		return t, errors.Join(err, queueErr, pointless(tag, "without an exchange: name it, or leave it out", bindingKeys...))
	}
	args, bindingErr := tableOf(tag, "binding_arguments", "x-match=all region=eu", value)
	for _, key := range keys {
		t.Bindings = append(t.Bindings, transport.Binding{Queue: queue, Exchange: exchange, Key: key, Args: args})
	}
	return t, errors.Join(err, queueErr, bindingErr)
}

// queueOf reads the declaration of a queue.
func queueOf(tag service.Tag, name string) (transport.Queue, error) {
	durable, err1 := tag.Flag("durable", true)
	autoDelete, err2 := tag.Flag("auto_delete", false)
	exclusive, err3 := tag.Flag("exclusive", false)
	args, err4 := tableOf(tag, "arguments", "x-queue-type=quorum x-max-length=1000", value)
	q := transport.Queue{Name: name, Durable: durable, AutoDelete: autoDelete, Exclusive: exclusive, Args: args}
	return q, errors.Join(err1, err2, err3, err4)
}

// exchangesOf reads the declaration of an exchange, none if its kind is not given.
func exchangesOf(tag service.Tag, name string) ([]transport.Exchange, error) {
	kinds := []string{"direct", "topic", "fanout", "headers"}
	kind := tag.Get("kind")
	switch {
	case name == "":
		return nil, pointless(tag, "without an exchange: name it, or leave it out", exchangeKeys...)
	case kind == "":
		return nil, pointless(tag, "without kind, by which an exchange is declared: write it, or leave it out", exchangeKeys...)
	case !slices.Contains(kinds, kind) && !strings.HasPrefix(kind, "x-"):
		return nil, fmt.Errorf("kind %q is not known: write one of %s, or that of a plugin, x-…", kind, strings.Join(kinds, ", "))
	}
	durable, err1 := tag.Flag("exchange_durable", true)
	autoDelete, err2 := tag.Flag("exchange_auto_delete", false)
	args, err3 := tableOf(tag, "exchange_arguments", "alternate-exchange=unrouted", value)
	e := transport.Exchange{Name: name, Kind: kind, Durable: durable, AutoDelete: autoDelete, Args: args}
	return []transport.Exchange{e}, errors.Join(err1, err2, err3)
}
