package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Orders has one method.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Get rpc.Method `rpc:"get"`
	}
}

func (*Orders) Get(context.Context) error { return nil }

// answers returns an extension that makes its process answer verbs with handle.
func answers(access control.Access, handle func(context.Context, control.Request) (any, error)) service.Extension {
	return func(h *service.Host) error {
		q, err := control.Open(h)
		if err != nil {
			return err
		}
		q.Answer(access)
		control.Of(h).Info("answer", func() any { return 42 })
		for _, v := range []control.Verb{control.Ping, control.Dump} {
			control.Of(h).Handle(v, handle)
		}
		return nil
	}
}

// An asker sends requests, and receives the messages in its queue.
type asker struct {
	t       *testing.T
	ch      *amqp.Channel
	queue   string
	replies <-chan amqp.Delivery
}

func newAsker(t *testing.T, uri string) *asker {
	ch := brokertest.Channel(t, uri)
	name := control.AnswersPrefix + strings.ReplaceAll(t.Name(), "/", "-")
	if _, err := ch.QueueDeclare(name, false, true, true, false, nil); err != nil {
		t.Fatal(err)
	}
	replies, err := ch.Consume(name, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &asker{t, ch, name, replies}
}

func (a *asker) ask(key string, p amqp.Publishing) {
	a.t.Helper()
	p.Expiration = "5000"
	if err := a.ch.Publish(control.Exchange, key, false, false, p); err != nil {
		a.t.Fatal(err)
	}
}

// next returns the next reply, which must belong to a request.
func (a *asker) next(correlationID string) (answer control.Answer) {
	a.t.Helper()
	d := hosttest.Next(a.t, a.replies)
	if err := json.Unmarshal(d.Body, &answer); err != nil || d.CorrelationId != correlationID || d.Expiration != "5000" || d.Type != answer.Schema {
		a.t.Fatalf("got %s to %q with type %s and expiration %s, %v", d.Body, d.CorrelationId, d.Type, d.Expiration, err)
	}
	return answer
}

// TestVerbs sends verbs with all keys that reach a process, and with keys that reach none.
func TestVerbs(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		echo := func(_ context.Context, r control.Request) (any, error) {
			switch string(r.Arguments) {
			case "fail":
				return nil, errors.New("cannot reach amqp://me:secret@host")
			case "panic":
				panic("oops")
			}
			return string(r.Verb) + " " + r.Service + " " + r.User, nil
		}
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Orders), service.Configure(answers(control.Read, echo)))
		self, a := h.Host().Instance(), newAsker(t, uri)
		for _, key := range []string{"ping.other", "ping.orders.other", "level", "explode", "health.orders"} {
			a.ask(key, amqp.Publishing{ReplyTo: a.queue, CorrelationId: "nobody's"})
		}
		for _, test := range []struct {
			key, body, user string
			answer          any
			failure         string
		}{
			{"ping", "", "guest", "ping  guest", ""},
			{"ping.orders", "{}", "", "ping orders ", ""},
			{"ping.orders." + self, "", "", "ping orders ", ""},
			{"info", "", "", map[string]any{"answer": 42.0}, ""},
			{"ping", "fail", "", nil, "cannot reach amqp://me:"},
			{"ping", "panic", "", nil, "see the log"},
			{"dump.orders", "", "", nil, "set gomeko.control to full"},
		} {
			a.ask(test.key, amqp.Publishing{ReplyTo: a.queue, CorrelationId: "1", Body: []byte(test.body), UserId: test.user})
			got := a.next("1")
			verb, _, _ := strings.Cut(test.key, ".")
			if got.Schema != "gomeko."+verb+"/v1" || got.Instance != self || len(got.Services) != 1 || got.Services[0].Name != "orders" || got.Services[0].Consumers == nil || *got.Services[0].Consumers != 1 {
				t.Errorf("%s: got %+v, want the schema of the verb, the instance %s, and one consumer of orders", test.key, got, self)
			}
			want, _ := json.Marshal(test.answer)
			if have, _ := json.Marshal(got.Answer); !bytes.Equal(have, want) {
				t.Errorf("%s %s: got the answer %s, want %s", test.key, test.body, have, want)
			}
			if !strings.Contains(got.Error, test.failure) || test.failure == "" && got.Error != "" || strings.Contains(got.Error, "secret") {
				t.Errorf("%s %s: got the error %q, want %q", test.key, test.body, got.Error, test.failure)
			}
		}
	})
}

// TestHostileRequests sends requests that are dropped, or that would overload the process.
func TestHostileRequests(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		asked, release := make(chan string, 100), make(chan struct{})
		hold := func(ctx context.Context, r control.Request) (any, error) {
			asked <- string(r.Arguments)
			if string(r.Arguments) == "hold" {
				<-release
			}
			return nil, nil
		}
		h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Orders), service.Configure(answers(control.Full, hold)))
		a := newAsker(t, uri)
		for _, p := range []amqp.Publishing{
			{},
			{ReplyTo: "rpc-orders"},
			{ReplyTo: a.queue, Body: bytes.Repeat([]byte("A"), 4097)},
		} {
			a.ask("ping", p)
		}
		h.Log.Wait(t, 3, "control request dropped")
		for range 8 {
			a.ask("dump", amqp.Publishing{ReplyTo: a.queue, CorrelationId: "held", Body: []byte("hold")})
			if got := hosttest.Receive(t, "a request", asked); got != "hold" {
				t.Fatalf("got the request %q answered", got)
			}
		}
		a.ask("ping", amqp.Publishing{ReplyTo: a.queue})
		h.Log.Wait(t, 1, "too many are being answered")
		for range 1000 {
			a.ask("ping", amqp.Publishing{ReplyTo: a.queue})
		}
		a.ask("ping", amqp.Publishing{Body: []byte("the last")}) // requests are taken in order
		h.Log.Wait(t, 4, "control request dropped")
		if lines := h.Log.Lines("too many are being answered"); len(lines) != 1 {
			t.Errorf("got %d lines about the flood, want 1", len(lines))
		}
		close(release)
		for range 8 {
			a.next("held")
		}
		hosttest.Eventually(t, "an answer", func() bool {
			a.ask("ping", amqp.Publishing{ReplyTo: a.queue, CorrelationId: "at last"})
			select {
			case got := <-asked:
				return got == ""
			default:
				return false
			}
		})
	})
}

// TestOff checks that a process without a receiver declares nothing.
func TestOff(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	type clientOnly struct {
		_      service.Name `service:"client"`
		Orders rpc.Client   `rpc:"orders"`
	}
	nothing := func(context.Context, control.Request) (any, error) { return nil, nil }
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(clientOnly), service.Configure(answers(control.Off, nothing)))
	a := newAsker(t, uri)
	returned := a.ch.NotifyReturn(make(chan amqp.Return, 1))
	for _, key := range []string{"ping", "ping.client", "cancel.client"} {
		if err := a.ch.Publish(control.Exchange, key, true, false, amqp.Publishing{ReplyTo: a.queue}); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the return of "+key, returned)
	}
}
