package broker

import (
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A death is a message that left a queue with a dead-letter exchange. It is published when the
// vhost is unlocked, because no message can be routed while another is being routed or delivered.
type death struct {
	message *message
	queue   *queue
	reason  string
	held    *held // in the limbo of the queue; nil if the message is lost when it cannot be routed now
}

// The reasons for which messages are dead-lettered.
const (
	expired       = "expired"
	rejected      = "rejected"
	maxlen        = "maxlen"
	deliveryLimit = "delivery_limit"
)

// maxProperties is the largest size of properties that fits into a frame. Only dead-lettering makes
// headers grow.
const maxProperties = frameMax - 32

// buryDead publishes the dead messages, and those that are dead-lettered as a result.
func (v *vhost) buryDead() {
	for i := 0; i < len(v.dead); i++ {
		d := v.dead[i]
		v.dead[i] = death{}
		v.bury(d)
	}
	v.dead = v.dead[:0]
	if cap(v.dead) > 1024 {
		v.dead = nil
	}
}

// bury publishes a dead message to the dead-letter exchange of its queue. If the exchange does not
// exist, routes the message to no queue, or routes it to a queue that refuses it, the message is
// lost, unless its queue holds it.
func (v *vhost) bury(d death) {
	if d.held != nil && d.held.released {
		return
	}
	ex := v.exchanges[d.queue.deadExchange]
	if ex == nil {
		return
	}
	m := d.letter()
	if m.split > maxProperties {
		v.log.Warn("a dead letter is dropped: its headers do not fit into a frame", "queue", d.queue.name, "reason", d.reason)
		d.arrived()
		return
	}
	if v.alarm.isOver() {
		if d.held == nil {
			v.log.Warn("a dead letter is dropped: low on memory", "queue", d.queue.name, "reason", d.reason)
		}
		return
	}
	if v.deliverDead(d, ex, m) {
		d.arrived()
	}
}

// deliverDead puts a dead letter into its queues. It returns false if there are none, or if one of
// them refuses it.
func (v *vhost) deliverDead(d death, ex *exchange, m *message) bool {
	var deaths []any
	if d.reason != rejected {
		deaths = history(m.properties().Table())
	}
	queues := v.route(ex, m)
	ok := len(queues) > 0
	for _, q := range queues {
		switch {
		case d.held != nil && slices.Contains(d.held.reached, q):
		case isCycle(q.name, deaths):
			v.log.Warn("a message is dropped: it would be dead-lettered in a cycle", "queue", q.name)
		case !q.push(m, forever):
			ok = false
		case d.held != nil:
			d.held.reached = append(d.held.reached, q)
		}
	}
	return ok
}

// arrived releases a dead message that its queue holds.
func (d death) arrived() {
	if d.held != nil {
		d.queue.limbo.release(d.queue, d.held)
	}
}

// letter returns the message to publish.
func (d death) letter() *message {
	q, p := d.queue, d.message.properties()
	headers := d.record(p.Table())
	key, copies := d.message.key, d.message.copies
	if q.deadKey != nil {
		key, copies = *q.deadKey, nil
		headers = withoutField(headers, "CC")
	}
	p = p.Without(frame.Expiration).WithTable(headers)
	return newMessage(q.deadExchange, key, copies, p, d.message.body())
}

// record adds the death to the headers: x-death has an entry for each queue and reason, latest
// first.
func (d death) record(headers frame.Table) frame.Table {
	deaths := history(headers)
	for i, entry := range deaths {
		entry, ok := entry.(frame.Table)
		if !ok || !isDeath(entry, d.queue.name, d.reason) {
			continue
		}
		again := append([]any{counted(entry)}, deaths[:i]...)
		return withField(headers, "x-death", append(again, deaths[i+1:]...))
	}
	if _, died := headers.Get("x-death"); !died {
		headers = withField(headers, "x-first-death-exchange", d.message.exchange)
		headers = withField(headers, "x-first-death-queue", d.queue.name)
		headers = withField(headers, "x-first-death-reason", d.reason)
	}
	return withField(headers, "x-death", append([]any{d.entry()}, deaths...))
}

// entry returns a new entry of x-death.
func (d death) entry() frame.Table {
	p := d.message.properties()
	keys := []any{d.message.key}
	cc, _ := p.Table().Get("CC")
	list, _ := cc.([]any)
	for _, key := range list {
		if key, ok := key.(string); ok {
			keys = append(keys, key)
		}
	}
	t := frame.Table{
		{Name: "count", Value: int64(1)},
		{Name: "exchange", Value: d.message.exchange},
		{Name: "queue", Value: d.queue.name},
		{Name: "reason", Value: d.reason},
		{Name: "routing-keys", Value: keys},
		{Name: "time", Value: time.Now()},
	}
	if expiration, ok := p.String(frame.Expiration); ok {
		t = append(t, frame.Field{Name: "original-expiration", Value: expiration})
	}
	return t
}

// history returns the entries of x-death, or nil if x-death is not a list.
func history(headers frame.Table) []any {
	value, _ := headers.Get("x-death")
	deaths, _ := value.([]any)
	return deaths
}

func isDeath(entry frame.Table, queue, reason string) bool {
	q, _ := entry.Get("queue")
	r, _ := entry.Get("reason")
	return q == queue && r == reason
}

// counted returns the entry with its count increased by one.
func counted(entry frame.Table) frame.Table {
	value, _ := entry.Get("count")
	n, _ := integer(value)
	return withField(entry, "count", n+1)
}

// isCycle reports whether a message with these deaths returns to a queue although no client
// rejected it on the way. Such a message would circulate forever.
func isCycle(queue string, deaths []any) bool {
	for _, entry := range deaths {
		entry, ok := entry.(frame.Table)
		if !ok {
			return false
		}
		if reason, _ := entry.Get("reason"); reason == rejected {
			return false
		}
		if q, _ := entry.Get("queue"); q == queue {
			return true
		}
	}
	return false
}

// withField returns a copy of t in which the field is set to value.
func withField(t frame.Table, name string, value any) frame.Table {
	return append(withoutField(t, name), frame.Field{Name: name, Value: value})
}

// withoutField returns a copy of t without the field.
func withoutField(t frame.Table, name string) frame.Table {
	rest := make(frame.Table, 0, len(t)+1)
	for _, f := range t {
		if f.Name != name {
			rest = append(rest, f)
		}
	}
	return rest
}
