package broker

import (
	"slices"

	"github.com/gomeko/gomeko/internal/frame"
)

// An exchange routes what is published to it to the queues that are bound to it.
type exchange struct {
	name       string
	kind       string // direct, fanout or topic
	durable    bool
	autoDelete bool // goes with its last binding
	internal   bool
	arguments  frame.Table
	routes     routes
	bindings   int
}

// A binding is one that a queue has: queue, exchange and key are its identity.
type binding struct {
	exchange *exchange
	key      string
}

// routes are the bindings of an exchange, in the form that its kind finds queues by.
// A queue is added once for a key, and only removed when it was added.
type routes interface {
	add(key string, q *queue)
	remove(key string, q *queue)
	find(key string, found []*queue) []*queue // appends; a queue may be found several times
}

// newRoutes returns nil for a kind that there is not.
func newRoutes(kind string) routes {
	switch kind {
	case "direct":
		return directRoutes{}
	case "fanout":
		return &fanoutRoutes{}
	case "topic":
		return new(topicRoutes)
	}
	return nil
}

type directRoutes map[string][]*queue

func (r directRoutes) add(key string, q *queue) { r[key] = append(r[key], q) }

func (r directRoutes) remove(key string, q *queue) {
	if r[key] = without(r[key], q); len(r[key]) == 0 {
		delete(r, key)
	}
}

func (r directRoutes) find(key string, found []*queue) []*queue {
	return append(found, r[key]...)
}

type fanoutRoutes struct{ queues []*queue }

func (r *fanoutRoutes) add(_ string, q *queue)    { r.queues = append(r.queues, q) }
func (r *fanoutRoutes) remove(_ string, q *queue) { r.queues = without(r.queues, q) }

func (r *fanoutRoutes) find(_ string, found []*queue) []*queue {
	return append(found, r.queues...)
}

// without removes one occurrence of q.
func without(queues []*queue, q *queue) []*queue {
	if i := slices.Index(queues, q); i >= 0 {
		return slices.Delete(queues, i, i+1)
	}
	return queues
}
