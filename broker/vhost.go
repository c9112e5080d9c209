package broker

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// A vhost is a virtual host: exchanges and queues by name. One mutex guards everything in it,
// including the channels of its connections. Operations under the mutex are short; only the logger
// may block them.
type vhost struct {
	name   string
	log    *slog.Logger
	alarm  *alarm
	began  time.Time
	limits limits

	mu        sync.Mutex
	removed   bool
	conns     map[*conn]struct{} // the open connections
	exchanges map[string]*exchange
	queues    map[string]*queue
	replies   map[string]*queue // for direct reply-to, by full name
	dead      []death           // to be dead-lettered before the mutex is unlocked
	turn      uint64            // counts publishings, so that each destination is found once

	routed  []*queue // scratch of route
	found   []*destination
	pending []*exchange
}

// limits limit the contents of a virtual host; 0 is no limit.
type limits struct{ conns, queues int }

func newVHost(name string, log *slog.Logger, alarm *alarm, limits limits) *vhost {
	v := &vhost{
		name:      name,
		log:       log.With("vhost", name),
		alarm:     alarm,
		began:     time.Now(),
		limits:    limits,
		conns:     make(map[*conn]struct{}),
		exchanges: make(map[string]*exchange),
		queues:    make(map[string]*queue),
		replies:   make(map[string]*queue),
	}
	for name, kind := range map[string]string{
		"": "direct", "amq.direct": "direct", "amq.fanout": "fanout", "amq.topic": "topic",
		"amq.headers": "headers", "amq.match": "headers", "amq.rabbitmq.trace": "topic",
	} {
		ex := newExchange(v, name, kind)
		ex.durable = true
		ex.internal = name == "amq.rabbitmq.trace"
		v.exchanges[name] = ex
	}
	return v
}

// lock locks the vhost.
func (v *vhost) lock() { v.mu.Lock() }

// unlock publishes the dead letters, then unlocks the vhost.
func (v *vhost) unlock() {
	if len(v.dead) > 0 {
		v.buryDead()
	}
	v.mu.Unlock()
}

// now returns the time since the vhost was created. Expiry times are measured on this clock.
func (v *vhost) now() time.Duration { return time.Since(v.began) }

// route returns the queues for a message, each once. The result is valid until the next call.
func (v *vhost) route(ex *exchange, m *message) []*queue {
	v.turn++
	v.routed = v.routed[:0]
	if ex.name == "" {
		v.routeByName(m.key)
		for _, key := range m.copies {
			v.routeByName(key)
		}
		return v.routed
	}
	ex.turn = v.turn
	v.pending = append(v.pending[:0], ex)
	for len(v.pending) > 0 {
		last := len(v.pending) - 1
		ex, v.pending = v.pending[last], v.pending[:last]
		v.routeThrough(ex, m)
	}
	return v.routed
}

// flows reports whether a message would be routed to no queue, or only to empty queues with a
// consumer that can take it.
func (v *vhost) flows(exchange, key string) bool {
	ex := v.exchanges[exchange]
	switch {
	case ex == nil: // the publishing is an error
		return true
	case ex.kind == "headers": // the headers are not known yet
		return false
	}
	for _, q := range v.route(ex, &message{key: key, content: []byte{0, 0}, split: 2}) {
		if q.ready.len() > 0 || !q.rota.canTake() {
			return false
		}
	}
	return true
}

// routeByName adds the queue with the name, as the default exchange does.
func (v *vhost) routeByName(name string) {
	if q := v.queues[name]; q != nil {
		v.reach(&q.destination)
	}
}

// routeThrough adds the destinations of an exchange, or those of its alternate exchange if none
// match.
func (v *vhost) routeThrough(ex *exchange, m *message) {
	v.found = ex.routes.find(m, m.key, v.found[:0])
	for _, key := range m.copies {
		v.found = ex.routes.find(m, key, v.found)
	}
	for _, d := range v.found {
		v.reach(d)
	}
	if len(v.found) > 0 || ex.alternate == "" {
		return
	}
	if alternate := v.exchanges[ex.alternate]; alternate != nil {
		v.reach(&alternate.destination)
	}
}

// reach adds a destination unless the message has reached it before.
func (v *vhost) reach(d *destination) {
	switch {
	case d.turn == v.turn:
		return
	case d.queue != nil:
		v.routed = append(v.routed, d.queue)
	default:
		v.pending = append(v.pending, d.exchange)
	}
	d.turn = v.turn
}

// answer delivers a message to the direct reply-to consumer for the key, if any.
func (v *vhost) answer(m *message, key string) {
	if !strings.HasPrefix(key, replyPrefix) {
		return
	}
	if q := v.replies[key]; q != nil {
		q.push(m, forever)
	}
}

func (v *vhost) messages() int {
	v.lock()
	defer v.unlock()
	n := 0
	for _, q := range v.queues {
		n += q.ready.len() + q.unsettled + q.limbo.len()
	}
	return n
}

// releaseExclusive deletes the exclusive queues of a connection.
func (v *vhost) releaseExclusive(c *conn) {
	for _, q := range v.queues {
		if q.owner == c {
			q.remove()
		}
	}
}

// stop stops all timers.
func (v *vhost) stop() {
	v.lock()
	defer v.unlock()
	for _, q := range v.queues {
		q.stopTimers()
	}
}

func (v *vhost) notFound(kind, name string) error {
	return exceptionf(codeNotFound, "no %s '%s' in vhost '%s'", kind, name, v.name)
}
