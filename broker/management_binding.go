package broker

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/frame"
)

type bindingJSON struct {
	Source      string         `json:"source"`
	VHost       string         `json:"vhost"`
	Destination string         `json:"destination"`
	Kind        string         `json:"destination_type"`
	Key         string         `json:"routing_key"`
	Arguments   map[string]any `json:"arguments"`
	Properties  string         `json:"properties_key"` // identifies it among the bindings of the same source and destination
}

// bindings returns the bindings between the source and destination in the path, or all.
func (r *request) bindings() (any, error) {
	source, queue, exchange := r.exchangeName("source"), r.PathValue("name"), r.exchangeName("to")
	return collect(r, func(v *vhost) (all []bindingJSON) {
		for _, b := range v.allBindings() {
			switch {
			case r.PathValue("source") != "" && b.Source != source,
				queue != "" && (b.Kind != "queue" || b.Destination != queue),
				r.PathValue("to") != "" && (b.Kind != "exchange" || b.Destination != exchange):
			default:
				all = append(all, b)
			}
		}
		return all
	})
}

// allBindings returns all bindings, those of the default exchange first.
func (v *vhost) allBindings() []bindingJSON {
	var all []bindingJSON
	for _, q := range sorted(v.queues) {
		all = append(all, bindingJSON{
			VHost: v.name, Destination: q.name, Kind: "queue", Key: q.name,
			Arguments: map[string]any{}, Properties: bindingKey(binding{key: q.name}),
		})
	}
	var declared []bindingJSON
	list := func(d *destination) {
		for b := range d.bindings {
			declared = append(declared, d.json(b))
		}
	}
	for _, ex := range v.exchanges {
		list(&ex.destination)
	}
	for _, q := range v.queues {
		list(&q.destination)
	}
	slices.SortFunc(declared, func(a, b bindingJSON) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Kind, b.Kind),
			strings.Compare(a.Destination, b.Destination), strings.Compare(a.Properties, b.Properties))
	})
	return append(all, declared...)
}

func (d *destination) json(b binding) bindingJSON {
	j := bindingJSON{
		Source: b.source.name, VHost: d.vhost.name, Key: b.key,
		Arguments: jsonTable(b.table()), Properties: bindingKey(b),
	}
	if d.queue != nil {
		j.Destination, j.Kind = d.queue.name, "queue"
	} else {
		j.Destination, j.Kind = d.exchange.name, "exchange"
	}
	return j
}

// bindingKey returns the management API's key of a binding, made from its routing key and its
// arguments. It has RabbitMQ's form, but another hash of the arguments.
func bindingKey(b binding) string {
	key := strings.ReplaceAll(url.QueryEscape(b.key), "~", "%7E")
	switch {
	case b.arguments != "":
		hash := sha256.Sum256([]byte(b.arguments))
		return key + "~" + base64.RawURLEncoding.EncodeToString(hash[:4])
	case b.key == "":
		return "~"
	}
	return key
}

func (r *request) bindQueue() (any, error) {
	return r.bind(r.PathValue("name"), func(key string, arguments frame.Table) frame.Method {
		return &frame.QueueBind{Queue: r.PathValue("name"), Exchange: r.exchangeName("source"), RoutingKey: key, Arguments: arguments}
	})
}

func (r *request) bindExchange() (any, error) {
	return r.bind(r.PathValue("to"), func(key string, arguments frame.Table) frame.Method {
		return &frame.ExchangeBind{
			Destination: r.exchangeName("to"), Source: r.exchangeName("source"), RoutingKey: key, Arguments: arguments,
		}
	})
}

func (r *request) bind(to string, method func(key string, arguments frame.Table) frame.Method) (any, error) {
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	var body struct {
		Key       string     `json:"routing_key"`
		Arguments jsonObject `json:"arguments"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	arguments, err := tableOf(body.Arguments)
	if err != nil {
		return nil, err
	}
	v.lock()
	defer v.unlock()
	if err := r.session(v).handleMethod(method(body.Key, arguments)); err != nil {
		return nil, declined(err)
	}
	key := bindingKey(binding{key: body.Key, arguments: canonical(arguments)})
	return created{url.PathEscape(to) + "/" + url.PathEscape(key)}, nil
}

// withBinding locks the virtual host and calls do with the binding in the path.
func (r *request) withBinding(do func(*destination, binding)) error {
	v, err := r.host()
	if err != nil {
		return err
	}
	v.lock()
	defer v.unlock()
	var d *destination
	if q := v.queues[r.PathValue("name")]; q != nil {
		d = &q.destination
	} else if ex := v.exchanges[r.exchangeName("to")]; ex != nil {
		d = &ex.destination
	} else {
		return errNoObject
	}
	for b := range d.bindings {
		if b.source.name == r.PathValue("source") && bindingKey(b) == r.PathValue("key") {
			do(d, b)
			return nil
		}
	}
	return errNoObject
}

func (r *request) getBinding() (answer any, err error) {
	err = r.withBinding(func(d *destination, b binding) { answer = d.json(b) })
	return answer, err
}

func (r *request) deleteBinding() (any, error) {
	return nil, r.withBinding(func(d *destination, b binding) { d.unbind(b) })
}
