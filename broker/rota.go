package broker

import (
	"cmp"
	"slices"
)

// A rota selects the next consumer of a queue: the consumers of the highest priority that can take
// a message take turns.
type rota struct{ ranks []*rank }

// A rank holds the consumers of one priority.
type rank struct {
	priority int64
	waiting  []*consumer
	next     int
}

// next returns the consumer whose turn it is, or nil if none can take a message. It removes
// consumers that cannot; they must be added again.
func (r *rota) next() *consumer {
	for _, k := range r.ranks {
		if c := k.turn(); c != nil {
			return c
		}
	}
	return nil
}

func (k *rank) turn() *consumer {
	for len(k.waiting) > 0 {
		k.next %= len(k.waiting)
		c := k.waiting[k.next]
		if c.ready() {
			k.next++
			return c
		}
		c.parked = true
		k.waiting = slices.Delete(k.waiting, k.next, k.next+1)
	}
	return nil
}

// canTake reports whether a consumer can take a message.
func (r *rota) canTake() bool {
	return slices.ContainsFunc(r.ranks, func(k *rank) bool { return slices.ContainsFunc(k.waiting, (*consumer).ready) })
}

// add adds a consumer.
func (r *rota) add(c *consumer) {
	c.parked = false
	i, found := r.find(c.priority)
	if !found {
		r.ranks = slices.Insert(r.ranks, i, &rank{priority: c.priority})
	}
	r.ranks[i].waiting = append(r.ranks[i].waiting, c)
}

// remove removes a consumer. others are the remaining consumers of its queue.
func (r *rota) remove(c *consumer, others []*consumer) {
	i, found := r.find(c.priority)
	if !found {
		return
	}
	k := r.ranks[i]
	if j := slices.Index(k.waiting, c); j >= 0 {
		k.waiting = slices.Delete(k.waiting, j, j+1)
		if j < k.next {
			k.next--
		}
	}
	if !slices.ContainsFunc(others, func(o *consumer) bool { return o.priority == c.priority }) {
		r.ranks = slices.Delete(r.ranks, i, i+1)
	}
}

// find returns the index of the rank of a priority, and whether it exists.
func (r *rota) find(priority int64) (int, bool) {
	return slices.BinarySearchFunc(r.ranks, priority, func(k *rank, p int64) int { return cmp.Compare(p, k.priority) })
}
