package broker_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/gomeko/gomeko/broker"
)

// A queue behaves like a simple model of it: order, requeues, priorities, expiry and prefetch.
func TestQueueIsLikeItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(0, 3).Draw(rt, "max priority")
		var steps []step
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			steps = append(steps, drawStep(rt))
		}
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = play(t, uint8(most), steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// A step is an operation on the queue.
type step struct {
	what     string
	priority uint8
	ttl      time.Duration // 0: none
	n        int
}

func (s step) String() string { return fmt.Sprintf("%s %d %v %d", s.what, s.priority, s.ttl, s.n) }

func drawStep(rt *rapid.T) step {
	return step{
		what:     rapid.SampledFrom([]string{"publish", "publish", "publish", "get", "consume", "ack", "requeue", "requeue all", "wait", "purge", "close"}).Draw(rt, "what"),
		priority: uint8(rapid.IntRange(0, 4).Draw(rt, "priority")),
		ttl:      time.Duration(rapid.SampledFrom([]int{0, 0, 0, 5, 20}).Draw(rt, "ttl")) * time.Second,
		n:        rapid.IntRange(1, 6).Draw(rt, "n"),
	}
}

// play applies the steps to a queue and to its model, and returns where they differ.
func play(t *testing.T, most uint8, steps []step) (fault string) {
	b := start(t, broker.Config{Heartbeat: -1})
	p := &player{t: t, b: b, model: model{most: most}}
	p.reopen()
	if _, err := p.ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-max-priority": int64(most)}); err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, s := range steps {
		done = append(done, s.String())
		if fault := p.step(s); fault != "" {
			return fmt.Sprintf("%s\nafter: %s", fault, strings.Join(done, "\n       "))
		}
	}
	return ""
}

// A player compares a queue with its model.
type player struct {
	t     *testing.T
	b     *broker.Broker
	ch    *amqp.Channel
	held  []amqp.Delivery // unacknowledged, as the model's
	model model
	count int
}

func (p *player) reopen() {
	p.t.Helper()
	p.ch = open(p.t, p.b)
}

func (p *player) step(s step) (fault string) {
	p.model.expire()
	switch s.what {
	case "publish":
		p.count++
		id := strconv.Itoa(p.count)
		msg := amqp.Publishing{Body: []byte(id), Priority: s.priority}
		if s.ttl > 0 {
			msg.Expiration = strconv.Itoa(int(s.ttl.Milliseconds()))
		}
		p.check(p.ch.PublishWithContext(p.t.Context(), "", "q", false, false, msg))
		p.model.publish(id, s.priority, s.ttl)
	case "get":
		return p.get()
	case "consume":
		return p.consume(s.n)
	case "ack", "requeue":
		if len(p.held) == 0 {
			return ""
		}
		i := s.n % len(p.held)
		d := p.held[i]
		p.held = slices.Delete(p.held, i, i+1)
		if s.what == "ack" {
			p.check(d.Ack(false))
			p.model.take(i)
		} else {
			p.check(d.Nack(false, true))
			p.model.requeue(p.model.take(i))
		}
	case "requeue all":
		p.check(p.ch.Recover(true))
		p.giveBack()
	case "close":
		p.check(p.ch.Close())
		p.reopen()
		p.giveBack()
	case "wait":
		time.Sleep(time.Duration(s.n) * 2 * time.Second)
	case "purge":
		_, err := p.ch.QueuePurge("q", false)
		p.check(err)
		p.model.expire()
		p.model.ready = nil
	}
	return p.compare()
}

// giveBack requeues all messages that the model holds.
func (p *player) giveBack() {
	p.held = nil
	for len(p.model.held) > 0 {
		p.model.requeue(p.model.take(0))
	}
}

// compare compares the number of messages.
func (p *player) compare() string {
	p.model.expire()
	q, err := p.ch.QueueDeclarePassive("q", true, false, false, false, nil)
	p.check(err)
	if q.Messages != len(p.model.ready) {
		return fmt.Sprintf("%d messages are ready, want %d: %v", q.Messages, len(p.model.ready), p.model.ready)
	}
	return ""
}

func (p *player) get() string {
	d, ok, err := p.ch.Get("q", false)
	p.check(err)
	if !ok {
		return p.compare()
	}
	return p.took(d)
}

// took compares a delivery with the model's next.
func (p *player) took(d amqp.Delivery) string {
	got := fmt.Sprintf("%s, redelivered %t", d.Body, d.Redelivered)
	if len(p.model.ready) == 0 {
		return fmt.Sprintf("got %s, want none", got)
	}
	m := p.model.next()
	if want := fmt.Sprintf("%s, redelivered %t", m.id, m.redelivered); got != want {
		return fmt.Sprintf("got %s, want %s", got, want)
	}
	p.held = append(p.held, d)
	return ""
}

// consume checks that a consumer receives exactly as many messages as its prefetch.
func (p *player) consume(prefetch int) string {
	p.check(p.ch.Qos(prefetch, 0, false))
	deliveries, err := p.ch.Consume("q", "tag", false, false, false, false, nil)
	p.check(err)
	synctest.Wait() // until everything has arrived
	p.check(p.ch.Cancel("tag", false))
	n := 0
	for d := range deliveries {
		n++
		if fault := p.took(d); fault != "" {
			return fault
		}
		p.model.expire()
	}
	if n < prefetch && len(p.model.ready) > 0 || n > prefetch {
		return fmt.Sprintf("a consumer with a prefetch of %d got %d messages, %d are left", prefetch, n, len(p.model.ready))
	}
	return p.compare()
}

func (p *player) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// A model is a simple model of a queue.
type model struct {
	most        uint8
	ready, held []modelled // ready in the order of delivery, held in the order in which they were delivered
	count       int
}

// A modelled is a message in the model.
type modelled struct {
	id          string
	position    int
	priority    uint8
	expires     time.Time // zero: never
	redelivered bool
}

func (m *model) publish(id string, priority uint8, ttl time.Duration) {
	m.count++
	msg := modelled{id: id, position: m.count, priority: min(priority, m.most)}
	if ttl > 0 {
		msg.expires = time.Now().Add(ttl)
	}
	m.add(msg)
}

// add inserts a message by priority, then by age.
func (m *model) add(msg modelled) {
	m.ready = append(m.ready, msg)
	slices.SortFunc(m.ready, func(a, b modelled) int {
		if a.priority != b.priority {
			return int(b.priority) - int(a.priority)
		}
		return a.position - b.position
	})
}

// expire drops expired messages from the head.
func (m *model) expire() {
	for len(m.ready) > 0 && !m.ready[0].expires.IsZero() && !time.Now().Before(m.ready[0].expires) {
		m.ready = m.ready[1:]
	}
}

// next delivers the head.
func (m *model) next() modelled {
	msg := m.ready[0]
	m.ready = m.ready[1:]
	m.held = append(m.held, msg)
	return msg
}

// take removes the held message at i.
func (m *model) take(i int) modelled {
	msg := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	return msg
}

func (m *model) requeue(msg modelled) {
	msg.redelivered = true
	m.add(msg)
}
