package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Bills consumes messages, and publishes when it is called.
type Bills struct {
	_ service.Name `service:"vec_msg"`

	Entrypoints struct {
		OnBill  messaging.Consumer `messaging:"vec_msg_q" exchange:"vec_msg_ex" kind:"topic" key:"vec_rk"`
		OnRaw   messaging.Consumer `messaging:"raw"`
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

// billed declares what the tags of Bills have no keys for.
func billed() fx.Option {
	return messaging.Declare(
		messaging.Exchange{Name: "vec_msg_ex", Kind: messaging.Topic},
		messaging.Queue{Name: "vec_msg_q", Bindings: []messaging.Binding{{Exchange: "vec_msg_ex", Key: "other.*"}}},
		messaging.Queue{Name: "raw", Arguments: map[string]any{"x-max-length": 10}},
	)
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
		start(t, uri, &Bills{heard: calls}, billed())
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
		start(t, uri, &Bills{heard: calls}, billed())
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
		if err := peer.Call(t.Context(), "tell", nil, ""); err == nil || !strings.Contains(err.Error(), "message without an exchange and a key: name an exchange") {
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
		Args     messaging.Consumer `messaging:"c" arguments:"x-max-length=1" method:"On"`
		Taken    messaging.Consumer `messaging:"d" declare:"false" durable:"true" method:"On"`
		Typo     messaging.Consumer `messaging:"e" requeu:"true" method:"On"`
		Missing  messaging.Consumer `messaging:"f"`
		Bare     messaging.Consumer `messaging:"i"`
		Topic    messaging.Consumer `messaging:"j" exchange:"e2" kind:"topic" key:"#" method:"On"`
		Kept     messaging.Consumer `messaging:"g" method:"On"`
		Lost     messaging.Consumer `messaging:"g" durable:"false" method:"On"`
		Nameless messaging.Consumer `messaging:"h" kind:"topic" method:"On"`
		Stream   messaging.Consumer `messaging:"k" declare:"false" from:"first" requeue:"true" method:"On"`
		Keys     messaging.Consumer `messaging:"l" exchange:"e" key:"b c" method:"On"`
		From     messaging.Consumer `messaging:"m" from:"first" method:"On"`
	}

	Fan       messaging.Publisher `messaging:"e2" kind:"fanout"`
	Push      messaging.Publisher `queue:"g" durable:"false"`
	Pointless messaging.Publisher `messaging:"x" durable:"false"`
	Bound     messaging.Publisher `messaging:"x" kind:"topic" declare:"false"`
	Headers   messaging.Publisher `messaging:"x" headers:"tenant=eu"`
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
		`NoQueue: the tag must name the queue to consume, as in messaging:"bills"`,
		`Key: key needs an exchange: name it, as in exchange:"shop", or remove key`,
		`Kind: kind "topical" is not known: write direct, topic, fanout, headers, or a plugin's, which begins with x-`,
		`Args: unknown key arguments in its tag: `,
		`Taken: durable has no meaning with declare:"false"`,
		`Typo: unknown key requeu in its tag: did you mean requeue?`,
		`Missing: no such method: add func`,
		`Lost: queue "g" is declared with other flags by Kept of wrong (durable=true auto_delete=false exclusive=false; here durable=false auto_delete=false exclusive=false): make them the same`,
		`Bare: Bare takes no parameter after ctx, and must take one payload: write Bare(ctx context.Context, payload T) error; messaging.Message may stand before the payload, or in its place`,
		`Headers: unknown key headers in its tag: `,
		`Yaml: serializer "yaml" is not known: write "json" or "msgpack"`,
		`Yaml: compression "gzip" is not known: write "zlib"`,
		`Fan: exchange "e2" is declared with other flags by Topic of wrong (kind=topic durable=true auto_delete=false; here kind=fanout durable=true auto_delete=false): make them the same`,
		`Push: queue "g" is declared with other flags by Kept of wrong (`,
		`Pointless: durable has no meaning without queue: name a queue, or remove it`,
		`Bound: kind has no meaning with declare:"false": remove one of them`,
		`Nameless: kind has no meaning without an exchange`,
		`Stream: requeue has no meaning for a stream, which does not take messages back: remove it`,
		`Keys: key "b c" has a space, and a tag has one key: write messaging.Declare(messaging.Queue{Name: "l", Bindings: …})`,
		`From: from has no meaning for queue "m", which is not a stream: remove it, or write messaging.Declare(messaging.Queue{Name: "m", Type: messaging.Stream})`,
		`Both: key needs an exchange: name it, as in messaging:"shop", or remove key`,
		`Priority: priority "256": must be an integer from 0 to 255`,
		`Soon: expiration "10": must be a positive duration, as in expiration:"10s"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant %s in it", err, want)
		}
	}
}
