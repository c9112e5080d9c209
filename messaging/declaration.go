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
func topologyOf(f *service.Field, exchange, queue string, keys ...string) (t transport.Topology, err error) {
	declare, err := f.Flag("declare", true)
	if err != nil {
		return t, err
	}
	if !declare {
		return t, pointless(f, `with declare:"false": leave one of them out`, append(declarationKeys()[1:], "exchange")...)
	}
	t.Exchanges, err = exchangesOf(f, exchange)
	if queue == "" {
		return t, errors.Join(err, pointless(f, "without queue: name one, or leave it out", slices.Concat(queueKeys, bindingKeys)...))
	}
	q, queueErr := queueOf(f, queue)
	t.Queues = []transport.Queue{q}
	if exchange == "" {
		return t, errors.Join(err, queueErr, pointless(f, "without an exchange: name it, or leave it out", bindingKeys...))
	}
	args, bindingErr := tableOf(f, "binding_arguments", "x-match=all region=eu", value)
	for _, key := range keys {
		t.Bindings = append(t.Bindings, transport.Binding{Queue: queue, Exchange: exchange, Key: key, Args: args})
	}
	return t, errors.Join(err, queueErr, bindingErr)
}

// queueOf reads the declaration of a queue.
func queueOf(f *service.Field, name string) (transport.Queue, error) {
	durable, err1 := f.Flag("durable", true)
	autoDelete, err2 := f.Flag("auto_delete", false)
	exclusive, err3 := f.Flag("exclusive", false)
	args, err4 := tableOf(f, "arguments", "x-queue-type=quorum x-max-length=1000", value)
	q := transport.Queue{Name: name, Durable: durable, AutoDelete: autoDelete, Exclusive: exclusive, Args: args}
	return q, errors.Join(err1, err2, err3, err4)
}

// exchangesOf reads the declaration of an exchange, none if its kind is not given.
func exchangesOf(f *service.Field, name string) ([]transport.Exchange, error) {
	kinds := []string{"direct", "topic", "fanout", "headers"}
	kind := f.Tag("kind")
	switch {
	case name == "":
		return nil, pointless(f, "without an exchange: name it, or leave it out", exchangeKeys...)
	case kind == "":
		return nil, pointless(f, "without kind, by which an exchange is declared: write it, or leave it out", exchangeKeys...)
	case !slices.Contains(kinds, kind) && !strings.HasPrefix(kind, "x-"):
		return nil, fmt.Errorf("kind %q is not known: write one of %s, or that of a plugin, x-…", kind, strings.Join(kinds, ", "))
	}
	durable, err1 := f.Flag("exchange_durable", true)
	autoDelete, err2 := f.Flag("exchange_auto_delete", false)
	args, err3 := tableOf(f, "exchange_arguments", "alternate-exchange=unrouted", value)
	e := transport.Exchange{Name: name, Kind: kind, Durable: durable, AutoDelete: autoDelete, Args: args}
	return []transport.Exchange{e}, errors.Join(err1, err2, err3)
}
