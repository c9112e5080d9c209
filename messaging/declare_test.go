package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Desk rejects what it cannot pay.
type Desk struct {
	_ service.Name `service:"desk"`

	Entrypoints struct {
		Pay  messaging.Consumer `messaging:"payments" requeue:"true"`
		Send rpc.Method         `rpc:"send(key, payload)"`
	}

	Orders messaging.Publisher `messaging:"shop"`

	paid chan string
}

func (d *Desk) Pay(_ context.Context, payload string) error {
	if payload == "never" {
		return errors.New("no money")
	}
	d.paid <- payload
	return nil
}

func (d *Desk) Send(ctx context.Context, key, payload string) error {
	return d.Orders(ctx, payload, func(m *transport.Publishing) { m.Key, m.Mandatory = key, true })
}

// TestDeclare declares what two rows of a service need: bindings, and where dead and unrouted
// messages are collected.
func TestDeclare(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		paid := make(chan string, 10)
		start(t, uri, &Desk{paid: paid},
			messaging.Declare(
				messaging.Exchange{Name: "shop", Kind: messaging.Topic, Arguments: map[string]any{"alternate-exchange": "unrouted"}},
				messaging.Exchange{Name: "unrouted", Kind: messaging.Fanout},
				messaging.Exchange{Name: "dead", Kind: messaging.Direct},
			),
			messaging.Declare(
				messaging.Queue{
					Name: "payments", Type: messaging.Quorum,
					Arguments: map[string]any{"x-delivery-limit": 1, "x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "payment"},
					Bindings:  []messaging.Binding{{Exchange: "shop", Key: "order.paid"}, {Exchange: "shop", Key: "order.refunded"}},
				},
				messaging.Queue{Name: "payments.dead", Bindings: []messaging.Binding{{Exchange: "dead", Key: "payment"}}},
				messaging.Queue{Name: "lost", Bindings: []messaging.Binding{{Exchange: "unrouted"}}},
			))
		desk := caller(t, uri).Client("desk")
		for key, payload := range map[string]string{"order.paid": "paid", "order.refunded": "refunded", "order.lost": "lost"} {
			if err := desk.Call(t.Context(), "send", nil, key, payload); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		got := map[string]bool{hosttest.Receive(t, "one", paid): true, hosttest.Receive(t, "the other", paid): true}
		if !got["paid"] || !got["refunded"] {
			t.Errorf("got %v, want paid and refunded", got)
		}
		if err := desk.Call(t.Context(), "send", nil, "order.paid", "never"); err != nil {
			t.Error(err)
		}
		for _, queue := range []string{"lost", "payments.dead"} {
			hosttest.Eventually(t, queue+" has its message", func() bool { return brokertest.Depth(t, uri, queue) == 1 })
		}
		_, err := brokertest.Channel(t, uri).QueueDeclare("payments", true, false, false, false, amqp.Table{
			"x-queue-type": "quorum", "x-delivery-limit": 1, "x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "payment"})
		if err != nil {
			t.Errorf("it is declared otherwise: %v", err)
		}
	})
}

// TestDeclaredOften declares a queue again in another process, and adds a binding in a tag.
func TestDeclaredOften(t *testing.T) {
	uri := brokertest.Embedded(t)
	bills := messaging.Declare(
		messaging.Exchange{Name: "vec_msg_ex", Kind: messaging.Topic},
		messaging.Queue{Name: "vec_msg_q"},
		messaging.Queue{Name: "vec_msg_q"}, // the same again
	)
	heard := make(chan heard, 1)
	if _, err := brokertest.Channel(t, uri).QueueDeclare("taken", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		start(t, uri, &Bills{heard: heard}, bills, messaging.Declare(messaging.Queue{Name: "raw"}))
	}
}

// Unfit has tags that contradict what is declared.
type Unfit struct {
	_ service.Name `service:"unfit"`

	Entrypoints struct {
		Transient messaging.Consumer `messaging:"a" durable:"false" method:"On"`
		Exclusive messaging.Consumer `messaging:"a" exclusive:"true" auto_delete:"false" method:"On"`
		Existing  messaging.Consumer `messaging:"a" declare:"false" method:"On"`
		Kind      messaging.Consumer `messaging:"b" exchange:"shop" kind:"fanout" method:"On"`
		Same      messaging.Consumer `messaging:"b" exchange:"shop" kind:"topic" durable:"true" method:"On"`
		Owned     messaging.Consumer `messaging:"c" exchange:"theirs" kind:"topic" method:"On"`
		From      messaging.Consumer `messaging:"b" from:"first" method:"On"`
		Requeue   messaging.Consumer `messaging:"stream" requeue:"true" method:"On"`
		Event     events.Handler     `events:"users.gone" method:"On"`
	}

	Taken messaging.Publisher `messaging:"shop" declare:"false"`
}

func (*Unfit) On(context.Context, string) error { return nil }

func TestDeclareMistakes(t *testing.T) {
	declared := messaging.Declare(
		messaging.Exchange{Name: "shop", Kind: messaging.Topic},
		messaging.Exchange{Name: "theirs"},
		messaging.Queue{Name: "a"},
		messaging.Queue{Name: "b", Bindings: []messaging.Binding{{Exchange: "shop", Key: "#"}, {Exchange: "shopp"}, {Exchange: "elsewhere"}, {}}},
		messaging.Queue{Name: "stream", Type: messaging.Stream},
		messaging.Queue{Name: "evt-users-gone--unfit.on", Type: messaging.Quorum},
		messaging.Queue{Name: "a", Transient: true},
		messaging.Exchange{Name: "shop", Kind: messaging.Topic, AutoDelete: true},

		&messaging.Queue{Name: "pointer"},
		messaging.Binding{Exchange: "shop"},
		"queue",
		messaging.Exchange{},
		messaging.Exchange{Name: "kind", Kind: "topical"},
		messaging.Exchange{Name: "kindless", Transient: true},
		messaging.Queue{},
		messaging.Queue{Name: "typed", Arguments: map[string]any{"x-queue-type": "quorum"}},
		messaging.Queue{Name: "type", Type: "quorom"},
		messaging.Queue{Name: "exclusive", Type: messaging.Quorum, Exclusive: true},
		nil,
	)
	for name, test := range map[string]struct {
		services []any
		want     []string
	}{
		"values and tags": {[]any{new(Unfit), declared}, []string{
			`service unfit: Transient: durable:"false" contradicts messaging.Declare, where queue "a" has durable=true auto_delete=false exclusive=false: remove the key, or change the declaration`,
			`service unfit: Exclusive: exclusive:"true" contradicts messaging.Declare, where queue "a" has durable=true auto_delete=false exclusive=false: remove the key, or change the declaration`,
			`service unfit: Existing: declare:"false" contradicts messaging.Declare, which declares queue "a": remove one of them`,
			`service unfit: Kind: kind:"fanout" contradicts messaging.Declare, where exchange "shop" has kind=topic durable=true auto_delete=false: remove the key, or change the declaration`,
			`service unfit: Owned: kind:"topic" contradicts messaging.Declare, where exchange "theirs" has no Kind, because it must exist: remove one of them`,
			`service unfit: From: from has no meaning for queue "b", which is not a stream: remove it, or write messaging.Declare(messaging.Queue{Name: "b", Type: messaging.Stream})`,
			`service unfit: Requeue: requeue has no meaning for a stream, which does not take messages back: remove it`,
			`service unfit: Event: queue "evt-users-gone--unfit.on" is declared with other flags by messaging.Declare (durable=true auto_delete=false exclusive=false arguments=map[x-queue-type:quorum]; here durable=true auto_delete=false exclusive=false): make them the same`,
			`service unfit: Taken: declare:"false" contradicts messaging.Declare, which declares exchange "shop": remove one of them`,
			`messaging.Declare: value 9: is given as *messaging.Queue: remove the &`,
			`messaging.Declare: value 10: is a messaging.Binding: put it into the Bindings of a messaging.Queue`,
			`messaging.Declare: value 11: is a string: pass values of messaging.Exchange and messaging.Queue`,
			`messaging.Declare: value 12: the Exchange has no Name`,
			`messaging.Declare: value 13: exchange "kind": kind "topical" is not known: write direct, topic, fanout, headers, or a plugin's, which begins with x-`,
			`messaging.Declare: value 14: exchange "kindless" has no Kind, so it is not declared, and its other fields have no meaning: add a Kind or remove them`,
			`messaging.Declare: value 15: the Queue has no Name`,
			`messaging.Declare: value 16: queue "typed": Arguments must not have x-queue-type: set Type`,
			`messaging.Declare: value 17: queue "type": Type "quorom" is not known: write messaging.Classic, messaging.Quorum or messaging.Stream`,
			`messaging.Declare: value 18: queue "exclusive": of type quorum it cannot be Transient, AutoDelete or Exclusive`,
			`messaging.Declare: value 19: is nil: pass values of messaging.Exchange and messaging.Queue`,
			`messaging.Declare: exchange "shop" is declared with other flags by another value (kind=topic durable=true auto_delete=false; here kind=topic durable=true auto_delete=true): make them the same`,
			`messaging.Declare: queue "a" is declared with other flags by another value (durable=true auto_delete=false exclusive=false; here durable=false auto_delete=false exclusive=false): make them the same`,
			`messaging.Declare: queue "b": exchange "shopp" of a binding is not declared: did you mean "shop"?`,
			`messaging.Declare: queue "b": exchange "elsewhere" of a binding is not declared: add messaging.Exchange{Name: "elsewhere", Kind: …}, or without a Kind if it exists`,
			`messaging.Declare: queue "b": a binding names no exchange: the default exchange routes to each queue by its name, and has no other bindings`,
		}},
		"unused": {[]any{&Fine{}, messaging.Declare(
			messaging.Queue{Name: "one"}, messaging.Queue{Name: "twoo"}, messaging.Queue{Name: "parked", Bindings: []messaging.Binding{{Exchange: "shop"}}},
			messaging.Exchange{Name: "square", Kind: messaging.Fanout}, messaging.Exchange{Name: "shop", Kind: messaging.Topic}, messaging.Exchange{Name: "spare"},
		)}, []string{
			`messaging.Declare: queue "twoo": no row and no publisher names it: did you mean "two"?`,
			`messaging.Declare: queue "parked": no row and no publisher names it: add a row messaging:"parked" or a publisher queue:"parked", or remove it`,
			`messaging.Declare: exchange "spare": nothing is bound to it or publishes to it: remove it`,
		}},
		"unread": {[]any{new(Idle), messaging.Declare(messaging.Queue{Name: "one"})}, []string{
			`messaging.Declare is not read by any extension of the services: remove it`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			broker := service.Defaults(transport.Config{URI: "amqp://localhost"})
			_, err := service.New(service.Config{}, append(test.services, broker)...)
			if err == nil {
				t.Fatal("got no error")
			}
			got := strings.Split(err.Error(), "\n")
			for i := range max(len(got), len(test.want)) {
				if g, w := at(got, i), at(test.want, i); g != w {
					t.Errorf("got  %s\nwant %s", g, w)
				}
			}
		})
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// Idle has no rows and no fields.
type Idle struct {
	_ service.Name `service:"idle"`
}

// Declaring a queue is not a mistake if the only row that names it is not started; the queue is not
// declared then.
func TestDeclaredForOthers(t *testing.T) {
	uri := brokertest.Embedded(t)
	p := &process{}
	cfg := hosttest.Config{Service: service.Config{Only: []string{"fine.Hear"}}, Broker: transport.Config{URI: uri, Dial: p.tap.Dial}}
	hosttest.Start(t, cfg, &Fine{}, fx.Options(messaging.Declare(messaging.Queue{Name: "two", Arguments: map[string]any{"x-max-length": 1}})))
	for line := range p.tap.Declarations(t) {
		if strings.Contains(line, "two") {
			t.Errorf("got %s", line)
		}
	}
}
