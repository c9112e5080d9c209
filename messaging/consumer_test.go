package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Bills consumes, and publishes what it is called for.
type Bills struct {
	_ service.Name `service:"vec_msg"`

	Entrypoints struct {
		OnBill  messaging.Consumer `messaging:"vec_msg_q" exchange:"vec_msg_ex" kind:"topic" key:"vec_rk other.*"`
		OnRaw   messaging.Consumer `messaging:"raw" arguments:"x-max-length=10"`
		OnTwice messaging.Consumer `messaging:"twice" requeue:"true"`
		OnTaken messaging.Consumer `messaging:"taken" declare:"false"`

		Plain rpc.Method `rpc:"plain(payload)"`
		Queue rpc.Method `rpc:"queue(payload)"`
		Opts  rpc.Method `rpc:"opts(payload)"`
		Lost  rpc.Method `rpc:"lost()"`
		Tell  rpc.Method `rpc:"tell(queue)"`
	}

	Publish messaging.Publisher `messaging:"vec_msg_ex" kind:"topic" key:"vec_rk"`
	ToQueue messaging.Publisher `queue:"vec_msg_q"`
	Short   messaging.Publisher `messaging:"vec_msg_ex" key:"vec_rk" persistent:"false" priority:"5" expiration:"10s"`
	Insist  messaging.Publisher `messaging:"vec_msg_ex" mandatory:"true"`
	Anybody messaging.Publisher

	heard chan heard
}

// heard is what a row was called with.
type heard struct {
	row, key, body string
	payload        any
	redelivered    bool
}

func (b *Bills) OnBill(ctx context.Context, m messaging.Message, payload any) error {
	b.heard <- heard{"bill", m.Key, string(m.Body), payload, service.FromContext(ctx).Redelivered}
	return nil
}

func (b *Bills) OnRaw(ctx context.Context, m messaging.Message) error {
	b.heard <- heard{row: "raw", body: string(m.Body)}
	return errors.New("no luck")
}

func (b *Bills) OnTwice(ctx context.Context, payload string) error {
	call := service.FromContext(ctx)
	b.heard <- heard{row: "twice", payload: payload, redelivered: call.Redelivered}
	if !call.Redelivered {
		return errors.New("again")
	}
	return nil
}

func (b *Bills) OnTaken(_ context.Context, payload bool) error {
	b.heard <- heard{row: "taken", payload: payload}
	return nil
}

func (b *Bills) Plain(ctx context.Context, payload any) error { return b.Publish(ctx, payload) }
func (b *Bills) Queue(ctx context.Context, payload any) error { return b.ToQueue(ctx, payload) }

func (b *Bills) Opts(ctx context.Context, payload any) error {
	return b.Short(ctx, payload, func(m *transport.Publishing) {
		m.Headers = transport.Table{"x-static": "1", "x-call": "2"}
	})
}

func (b *Bills) Tell(ctx context.Context, queue string) error {
	return b.Anybody(ctx, "psst", func(m *transport.Publishing) { m.Key = queue })
}

func (b *Bills) Lost(ctx context.Context) error {
	if err := b.Insist(ctx, 1); errors.As(err, new(*transport.Returned)) {
		return rpc.NewError("vec_msg.Returned", err.Error())
	}
	return errors.New("want *transport.Returned")
}

func TestConsumer(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan heard, 10)
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclare("taken", false, true, false, false, amqp.Table{"x-expires": 60_000}); err != nil {
			t.Fatal(err)
		}
		start(t, uri, &Bills{heard: calls})
		for _, test := range []struct {
			name, exchange, key, kind, body string
			want                            []heard
		}{
			{"by the binding", "vec_msg_ex", "vec_rk", "application/json", `{"a": 1}`,
				[]heard{{row: "bill", key: "vec_rk", body: `{"a": 1}`}}},
			{"by the other one", "vec_msg_ex", "other.one", "", `null`, []heard{{row: "bill", key: "other.one", body: `null`}}},
			{"no JSON to a payload", "", "twice", "application/json", `{`, nil},
			{"text to a payload", "", "twice", "text/plain", `"x"`, nil},
			{"anything", "", "raw", "application/octet-stream", "\xff", []heard{{row: "raw", body: "\xff"}}},
			{"requeue", "", "twice", "", `"x"`, []heard{{row: "twice", payload: "x"}, {row: "twice", payload: "x", redelivered: true}}},
			{"as it is", "", "taken", "", `true`, []heard{{row: "taken", payload: true}}},
		} {
			m := amqp.Publishing{ContentType: test.kind, Body: []byte(test.body)}
			if err := ch.PublishWithContext(t.Context(), test.exchange, test.key, true, false, m); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				got := hosttest.Receive(t, test.name, calls)
				if got.row == "bill" {
					got.payload = nil
				}
				if got != want {
					t.Errorf("%s: got %+v, want %+v", test.name, got, want)
				}
			}
		}
	})
}

func TestPublisher(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan heard, 10)
		if _, err := brokertest.Channel(t, uri).QueueDeclare("taken", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		start(t, uri, &Bills{heard: calls})
		peer := caller(t, uri).Client("vec_msg")
		for _, method := range []string{"plain", "queue", "opts"} {
			if err := peer.Call(t.Context(), method, nil, method); err != nil {
				t.Errorf("%s: %v", method, err)
			}
			if got := hosttest.Receive(t, method, calls); got.payload != method {
				t.Errorf("got the payload %v, want %s", got.payload, method)
			}
		}
		if err := peer.Call(t.Context(), "tell", nil, "vec_msg_q"); err != nil {
			t.Error(err)
		}
		if got := hosttest.Receive(t, "tell", calls); got.payload != "psst" {
			t.Errorf("got the payload %v, want psst", got.payload)
		}
		if err := peer.Call(t.Context(), "tell", nil, ""); err == nil || !strings.Contains(err.Error(), "message to nobody: name an exchange") {
			t.Errorf("to nobody: got %v", err)
		}
		if err := peer.Call(t.Context(), "lost", nil); err == nil || !strings.Contains(err.Error(), "message to vec_msg_ex/: ") {
			t.Errorf("mandatory: got %v", err)
		}
	})
}

// Wrong is a service with mistakes.
type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		NoQueue  messaging.Consumer `method:"On"`
		Key      messaging.Consumer `messaging:"a" key:"b" method:"On"`
		Kind     messaging.Consumer `messaging:"b" exchange:"e" kind:"topical" method:"On"`
		Args     messaging.Consumer `messaging:"c" arguments:"quorum" method:"On"`
		Taken    messaging.Consumer `messaging:"d" declare:"false" durable:"true" method:"On"`
		Typo     messaging.Consumer `messaging:"e" requeu:"true" method:"On"`
		Missing  messaging.Consumer `messaging:"f"`
		Bare     messaging.Consumer `messaging:"i"`
		Topic    messaging.Consumer `messaging:"j" exchange:"e2" kind:"topic" key:"#" method:"On"`
		Quorum   messaging.Consumer `messaging:"g" arguments:"x-queue-type=quorum" method:"On"`
		Classic  messaging.Consumer `messaging:"g" method:"On"`
		Nameless messaging.Consumer `messaging:"h" kind:"topic" method:"On"`
		Stream   messaging.Consumer `messaging:"k" arguments:"x-queue-type=stream" requeue:"true" method:"On"`
		Kindless messaging.Consumer `messaging:"l" exchange:"e" exchange_durable:"false" method:"On"`
		Unbound  messaging.Consumer `messaging:"m" binding_arguments:"x-match=all" method:"On"`
	}

	Fan       messaging.Publisher `messaging:"e2" kind:"fanout"`
	Push      messaging.Publisher `queue:"g" durable:"false"`
	Pointless messaging.Publisher `messaging:"x" durable:"false"`
	Bound     messaging.Publisher `messaging:"x" kind:"topic" declare:"false"`
	Headers   messaging.Publisher `messaging:"x" headers:"tenant"`
	Yaml      messaging.Publisher `messaging:"x" serializer:"yaml" compression:"gzip"`
	Both      messaging.Publisher `queue:"y" key:"x"`
	Priority  messaging.Publisher `messaging:"x" priority:"256"`
	Soon      messaging.Publisher `messaging:"x" expiration:"10"`
}

func (*Wrong) On(context.Context, string) error { return nil }
func (*Wrong) Bare(context.Context) error       { return nil }

func TestMistakes(t *testing.T) {
	_, err := service.New(service.Config{}, new(Wrong), service.Configure(transport.Config{URI: "amqp://localhost"}))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		`NoQueue: no queue is named: write the one to consume, as in messaging:"bills"`,
		`Key: key has no meaning without exchange`,
		`Kind: kind "topical" is not known: write one of direct, topic, fanout, headers`,
		`Args: arguments: "quorum" is no argument: write name=value with spaces between them, as in arguments:"x-queue-type=quorum x-max-length=1000"`,
		`Taken: durable has no meaning with declare:"false"`,
		`Typo: unknown key requeu in its tag: did you mean requeue?`,
		`Missing: no such method: add func`,
		`Classic: queue "g" is declared with other flags by Quorum of wrong (durable=true auto_delete=false exclusive=false arguments=map[x-queue-type:quorum]; here durable=true auto_delete=false exclusive=false): make them the same`,
		`Bare: Bare takes [] after ctx, and a message has one payload: write Bare(ctx context.Context, payload T) error, or with messaging.Message ahead of the payload`,
		`Headers: headers: "tenant" is no argument: write name=value with spaces between them, as in headers:"x-tenant=eu x-version=2"`,
		`Yaml: serializer "yaml" is not known: write "json" or "msgpack"`,
		`Yaml: compression "gzip" is not known: write "zlib"`,
		`Fan: exchange "e2" is declared with other flags by Topic of wrong (kind=topic durable=true auto_delete=false; here kind=fanout durable=true auto_delete=false): make them the same`,
		`Push: queue "g" is declared with other flags by Quorum of wrong (`,
		`Pointless: durable has no meaning without queue: name one, or leave it out`,
		`Bound: kind has no meaning with declare:"false": leave one of them out`,
		`Nameless: kind has no meaning without an exchange`,
		`Stream: requeue has no meaning for a stream, which takes no message back: leave it out`,
		`Kindless: exchange_durable has no meaning without kind, by which an exchange is declared: write it, or leave it out`,
		`Unbound: binding_arguments has no meaning without an exchange: name it, or leave it out`,
		`Both: key has no meaning without an exchange`,
		`Priority: priority "256" is no number from 0 to 255`,
		`Soon: expiration "10" is no time: write expiration:"10s"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant %s in it", err, want)
		}
	}
}
