package broker

import (
	"slices"

	"github.com/gomeko/gomeko/internal/frame"
)

// An exchange routes what is published to it to the destinations that are bound to it.
type exchange struct {
	destination
	name       string
	kind       string // direct, fanout, topic or headers
	durable    bool
	autoDelete bool // goes with its last binding
	internal   bool
	alternate  string // alternate-exchange: gets what nothing is bound for
	arguments  frame.Table
	routes     routes
	bindings   int // that it is the source of
}

// newExchange returns nil for a kind that there is not.
func newExchange(v *vhost, name, kind string) *exchange {
	ex := &exchange{name: name, kind: kind, routes: newRoutes(kind)}
	if ex.routes == nil {
		return nil
	}
	ex.destination = destination{vhost: v, exchange: ex}
	return ex
}

// remove deletes the exchange with its bindings, in both directions.
func (ex *exchange) remove() {
	v := ex.vhost
	delete(v.exchanges, ex.name)
	ex.autoDelete = false // it goes once
	for _, q := range v.queues {
		q.leave(ex)
	}
	for _, other := range v.exchanges {
		other.leave(ex)
	}
	ex.unbindAll()
}

// leave forgets the bindings to an exchange that is going.
func (d *destination) leave(ex *exchange) {
	for b := range d.bindings {
		if b.source == ex {
			delete(d.bindings, b)
		}
	}
}

// routes are the bindings of an exchange, in the form that its kind finds destinations
// by. A binding is added once, and only removed when it was added.
type routes interface {
	add(b binding, d *destination)
	remove(b binding, d *destination)

	// find appends the destinations of a message by one of its keys; one may be found
	// several times.
	find(m *message, key string, found []*destination) []*destination
}

func newRoutes(kind string) routes {
	switch kind {
	case "direct":
		return directRoutes{}
	case "fanout":
		return &fanoutRoutes{}
	case "topic":
		return new(topicRoutes)
	case "headers":
		return new(headersRoutes)
	}
	return nil
}

type directRoutes map[string][]*destination

func (r directRoutes) add(b binding, d *destination) { r[b.key] = append(r[b.key], d) }

func (r directRoutes) remove(b binding, d *destination) {
	if r[b.key] = without(r[b.key], d); len(r[b.key]) == 0 {
		delete(r, b.key)
	}
}

func (r directRoutes) find(_ *message, key string, found []*destination) []*destination {
	return append(found, r[key]...)
}

type fanoutRoutes struct{ bound []*destination }

func (r *fanoutRoutes) add(_ binding, d *destination)    { r.bound = append(r.bound, d) }
func (r *fanoutRoutes) remove(_ binding, d *destination) { r.bound = without(r.bound, d) }

func (r *fanoutRoutes) find(_ *message, _ string, found []*destination) []*destination {
	return append(found, r.bound...)
}

// without removes one occurrence of d.
func without(bound []*destination, d *destination) []*destination {
	if i := slices.Index(bound, d); i >= 0 {
		return slices.Delete(bound, i, i+1)
	}
	return bound
}
