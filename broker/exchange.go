package broker

import (
	"slices"

	"github.com/gomeko/gomeko/internal/frame"
)

// An exchange routes messages to the destinations that are bound to it.
type exchange struct {
	destination
	name       string
	kind       string // direct, fanout, topic or headers
	durable    bool
	autoDelete bool // deleted with its last binding
	internal   bool
	alternate  string // alternate-exchange: receives messages that no binding matches
	arguments  frame.Table
	user       string // who declared it; "" if it is predeclared
	routes     routes
	bindings   int // with this exchange as the source
}

// newExchange returns nil for an unknown kind.
func newExchange(v *vhost, name, kind string) *exchange {
	ex := &exchange{name: name, kind: kind, routes: newRoutes(kind)}
	if ex.routes == nil {
		return nil
	}
	ex.destination = destination{vhost: v, exchange: ex}
	return ex
}

// remove deletes the exchange and its bindings in both directions.
func (ex *exchange) remove() {
	v := ex.vhost
	delete(v.exchanges, ex.name)
	v.alarm.addObject(-ex.memory())
	ex.autoDelete = false // delete it only once
	for _, q := range v.queues {
		q.leave(ex)
	}
	for _, other := range v.exchanges {
		other.leave(ex)
	}
	ex.unbindAll()
}

// leave removes the destination's bindings to an exchange that is being deleted.
func (d *destination) leave(ex *exchange) {
	for b := range d.bindings {
		if b.source == ex {
			delete(d.bindings, b)
			d.vhost.alarm.addObject(-b.memory())
		}
	}
}

// routes finds the destinations of an exchange of one kind. The caller adds a binding only once,
// and removes only bindings that were added.
type routes interface {
	add(b binding, d *destination)
	remove(b binding, d *destination)

	// find appends the destinations of a message for one of its keys. It may append a destination
	// more than once.
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
