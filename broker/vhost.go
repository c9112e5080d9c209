package broker

import (
	"log/slog"
	"slices"
	"sync"
)

// A vhost is a virtual host: exchanges and queues by name. One mutex guards it with
// everything in it, the channels of its connections included: what is done under it
// is short, and waits for nothing but the logger.
type vhost struct {
	name string
	log  *slog.Logger

	mu        sync.Mutex
	exchanges map[string]*exchange
	queues    map[string]*queue
	turn      uint64   // counts publishings, to find each queue once
	routed    []*queue // scratch
}

func newVHost(name string, log *slog.Logger) *vhost {
	v := &vhost{
		name:      name,
		log:       log.With("vhost", name),
		exchanges: make(map[string]*exchange),
		queues:    make(map[string]*queue),
	}
	for name, kind := range map[string]string{
		"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
	} {
		v.exchanges[name] = &exchange{name: name, kind: kind, durable: true, routes: newRoutes(kind)}
	}
	return v
}

// route returns the queues that a message goes to, each once, valid until the next call.
func (v *vhost) route(ex *exchange, key string) []*queue {
	v.routed = v.routed[:0]
	if ex.name == "" {
		if q := v.queues[key]; q != nil {
			v.routed = append(v.routed, q)
		}
		return v.routed
	}
	v.routed = ex.routes.find(key, v.routed)
	v.turn++
	v.routed = slices.DeleteFunc(v.routed, func(q *queue) bool {
		again := q.turn == v.turn
		q.turn = v.turn
		return again
	})
	return v.routed
}

func (v *vhost) messages() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, q := range v.queues {
		n += q.ready.len() + q.unsettled
	}
	return n
}

// releaseExclusive deletes the queues of a connection.
func (v *vhost) releaseExclusive(c *conn) {
	for _, q := range v.queues {
		if q.owner == c {
			q.remove()
		}
	}
}

// stop ends all timers.
func (v *vhost) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, q := range v.queues {
		q.stopTimers()
	}
}

func (v *vhost) notFound(kind, name string) error {
	return exceptionf(codeNotFound, "no %s '%s' in vhost '%s'", kind, name, v.name)
}
