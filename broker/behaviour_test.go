package broker_test

import (
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A behaviour is a row in the table of behaviour on which clients may rely. It runs on the embedded
// broker and on RabbitMQ 3.10.
type behaviour struct {
	name string
	do   func(s *stage) string // returns what was observed
	want string
	four string // how RabbitMQ 4 differs, if it does
}

// behaviours are the rows of the table, in the order of docs/wire/broker.md.
var behaviours = []struct {
	title string
	rows  func() []behaviour
}{
	{"Connections", connectionRows},
	{"Capabilities", capabilityRows},
	{"Exchanges", exchangeRows},
	{"Queues", queueRows},
	{"Limits of queues", limitRows},
	{"Dead letters", deathRows},
	{"Quorum queues", quorumRows},
	{"Consumers", consumerRows},
	{"Publishing", publishingRows},
	{"Settling", settlingRows},
	{"Direct reply-to", replyRows},
	{"Transactions", transactionRows},
}

// TestBehaviours runs the rows, each with its own stage.
func TestBehaviours(t *testing.T) {
	for _, group := range behaviours {
		t.Run(group.title, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				for _, row := range group.rows() {
					t.Run(row.name, func(t *testing.T) {
						if got := row.do(newStage(t, uri)); got != row.want {
							t.Errorf("got  %s\nwant %s", got, row.want)
						}
					})
				}
			})
		})
	}
}

// A stage belongs to one row: a channel with confirms, and the exchanges and queues that the row
// declares. They are deleted afterwards.
type stage struct {
	t    *testing.T
	uri  string
	ch   *amqp.Channel
	acks chan amqp.Confirmation
}

func newStage(t *testing.T, uri string) *stage {
	t.Helper()
	s := &stage{t: t, uri: uri}
	s.ch = s.channel()
	s.check(s.ch.Confirm(false))
	s.acks = s.ch.NotifyPublish(make(chan amqp.Confirmation, 100))
	return s
}

// channel opens a channel on a new connection, which is closed after the row.
func (s *stage) channel() *amqp.Channel {
	s.t.Helper()
	return channel(s.t, connect(s.t, s.uri))
}

func (s *stage) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// queue declares a durable queue.
func (s *stage) queue(name string, arguments amqp.Table) {
	s.t.Helper()
	_, err := s.ch.QueueDeclare(name, true, false, false, false, arguments)
	s.check(err)
	s.t.Cleanup(func() {
		_, err := s.channel().QueueDelete(name, false, false, false)
		s.check(err)
	})
}

// exchange declares a durable exchange.
func (s *stage) exchange(name, kind string, arguments amqp.Table) {
	s.t.Helper()
	s.check(s.ch.ExchangeDeclare(name, kind, true, false, false, false, arguments))
	s.t.Cleanup(func() { s.check(s.channel().ExchangeDelete(name, false, false)) })
}

func (s *stage) bind(queue, key, exchange string, arguments amqp.Table) {
	s.t.Helper()
	s.check(s.ch.QueueBind(queue, key, exchange, false, arguments))
}

// publish sends a message and returns how it was confirmed.
func (s *stage) publish(exchange, key, body string, edit ...func(*amqp.Publishing)) string {
	s.t.Helper()
	p := amqp.Publishing{Body: []byte(body)}
	for _, e := range edit {
		e(&p)
	}
	s.check(s.ch.PublishWithContext(s.t.Context(), exchange, key, false, false, p))
	if hosttest.Next(s.t, s.acks).Ack {
		return "ack"
	}
	return "nack"
}

func headers(h amqp.Table) func(*amqp.Publishing) {
	return func(p *amqp.Publishing) { p.Headers = h }
}

func expiration(ms string) func(*amqp.Publishing) {
	return func(p *amqp.Publishing) { p.Expiration = ms }
}

func priority(n uint8) func(*amqp.Publishing) {
	return func(p *amqp.Publishing) { p.Priority = n }
}

// get waits for the next message of a queue, and does not settle it.
func (s *stage) get(queue string) (d amqp.Delivery) {
	s.t.Helper()
	hosttest.Eventually(s.t, "a message in "+queue, func() (ok bool) {
		var err error
		d, ok, err = s.ch.Get(queue, false)
		s.check(err)
		return ok
	})
	return d
}

// take waits for n messages of a queue and acknowledges them.
func (s *stage) take(queue string, n int) []amqp.Delivery {
	s.t.Helper()
	var taken []amqp.Delivery
	for range n {
		d := s.get(queue)
		s.check(d.Ack(false))
		taken = append(taken, d)
	}
	return taken
}

// all waits for n messages of a queue, and returns their bodies and those of any messages after
// them.
func (s *stage) all(queue string, n int) string {
	s.t.Helper()
	taken := s.take(queue, n)
	for {
		d, ok, err := s.ch.Get(queue, true)
		s.check(err)
		if !ok {
			return bodies(taken)
		}
		taken = append(taken, d)
	}
}

// depth returns how many messages are ready.
func (s *stage) depth(queue string) int {
	s.t.Helper()
	q, err := s.ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	s.check(err)
	return q.Messages
}

// consume consumes on a new channel with the prefetch.
func (s *stage) consume(queue, tag string, prefetch int, arguments amqp.Table) (*amqp.Channel, <-chan amqp.Delivery) {
	s.t.Helper()
	ch := s.channel()
	s.check(ch.Qos(prefetch, 0, false))
	deliveries, err := ch.Consume(queue, tag, false, false, false, false, arguments)
	s.check(err)
	return ch, deliveries
}

func bodies(ds []amqp.Delivery) string {
	var b []string
	for _, d := range ds {
		b = append(b, string(d.Body))
	}
	return strings.Join(b, " ")
}
