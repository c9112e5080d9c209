package broker

import (
	"cmp"
	"slices"
)

// A rota selects the next consumer of a queue: among those that can take a message, the consumers
// of the highest priority take turns.
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
		end := k.next
		for end < len(k.waiting) && !k.waiting[end].ready() {
			k.waiting[end].parked = true
			end++
		}
		found := end < len(k.waiting)
		k.waiting = slices.Delete(k.waiting, k.next, end)
		if found {
			k.next++
			return k.waiting[k.next-1]
		}
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

// removeStopped removes the consumers that have stopped.
func (r *rota) removeStopped() {
	for _, k := range r.ranks {
		had := slices.Clone(k.waiting[:min(k.next, len(k.waiting))])
		k.next = len(slices.DeleteFunc(had, (*consumer).isStopped)) // those whose turn has been
		k.waiting = slices.DeleteFunc(k.waiting, (*consumer).isStopped)
	}
	r.ranks = slices.DeleteFunc(r.ranks, func(k *rank) bool { return len(k.waiting) == 0 })
}

// find returns the index of the rank of a priority, and whether it exists.
func (r *rota) find(priority int64) (int, bool) {
	return slices.BinarySearchFunc(r.ranks, priority, func(k *rank, p int64) int { return cmp.Compare(p, k.priority) })
}
