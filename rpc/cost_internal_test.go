package rpc

import (
	"context"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// These tests measure a call without the broker and amqp091-go: on the server, from the delivery to
// the body of the reply; on the client, from the arguments to the request and from the reply to the
// result.

// Shop is the service that is called.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		GetOrder seized `rpc:"get_order(order_id, verbose=False)"`
	}
}

// An Order is a typical result.
type Order struct {
	ID      int     `json:"id"`
	Product string  `json:"product"`
	Count   int     `json:"count"`
	Price   float64 `json:"price"`
}

// GetOrder returns an order.
func (*Shop) GetOrder(_ context.Context, id int, verbose bool) (*Order, error) {
	return &Order{ID: id, Product: "chair", Count: 2, Price: 10.5}, nil
}

// seized is a row that hands itself to the test.
type seized struct{}

func (seized) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	to, _ := service.Lookup[chan *service.Row](r.Host)
	to <- r
	_, err := r.Bind(r.Tag.Get("rpc"))
	return seized{}, err
}

func (seized) Start(context.Context) error { return nil }
func (seized) Stop(context.Context) error  { return nil }

// A side does its share of one call.
type side func()

func newServerSide(tb testing.TB) side {
	to := make(chan *service.Row, 1)
	c, err := service.New(service.Config{}, new(Shop), service.Configure(to))
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Kill)
	row, codecs := <-to, transport.Config{}.Accepts()
	d := &transport.Delivery{
		Key: "shop.get_order",
		Properties: transport.Properties{
			ContentType: "application/json", ContentEncoding: "utf-8", CorrelationID: "1", ReplyTo: "2", Expiration: 30 * time.Second,
			Headers: transport.Table{"nameko.call_id_stack": []any{"web.get.1", "cart.total.2"}, "nameko.language": "en"},
		},
		Body: []byte(`{"args": [7], "kwargs": {"verbose": true}}`),
	}
	parent := row.Host.Context()
	cancels := newCancels(nil)
	return func() {
		ctx, cancel := context.WithTimeout(parent, d.Expiration)
		defer cancel()
		ctx, running := cancels.begin(ctx, d)
		defer running.end()
		r := headers.Request(d)
		r.Input, r.Cancel = costInput{d, codecs}, running.cancel
		result, err := row.Run(ctx, r)
		if err != nil {
			tb.Fatal(err)
		}
		encodeReply(codec.JSON, result, nil)
	}
}

// A costInput reads as a request does.
type costInput struct {
	d      *transport.Delivery
	codecs codec.Set
}

func (in costInput) Read(ctx context.Context) (signature.Arguments, service.Body, error) {
	a := new(arguments)
	a.Reset(ctx, 1<<20)
	args, err := a.read(in.d, in.codecs, 1<<20, 2)
	return args, a, err
}

func newClientSide(tb testing.TB) side {
	c := newCaller(codec.JSON, Config{}, nil)
	d := &transport.Delivery{
		Properties: transport.Properties{ContentType: "application/json", ContentEncoding: "utf-8", CorrelationID: "1"},
		Body:       []byte(`{"result": {"id": 7, "product": "chair", "count": 2, "price": 10.5}, "error": null}`),
	}
	return func() {
		o := optionsOf(tb.Context())
		ctx, cancel, _ := o.bound(tb.Context(), c.cfg)
		defer cancel()
		r := c.newReply("shop", "get_order", o.id)
		r.codec, r.decoded = codec.JSON, 1<<20
		body, err := r.codec.Encode(requestOf([]any{7, Kwargs{"verbose", true}}))
		if err != nil {
			tb.Fatal(err)
		}
		p := c.publishing(ctx, r, body)
		o.apply(&p, 30*time.Second)
		r.settle(d, nil)
		var order Order
		if err := r.read(ctx, &order); err != nil {
			tb.Fatal(err)
		}
	}
}

var sides = map[string]func(testing.TB) side{"server": newServerSide, "client": newClientSide}

func BenchmarkCall(b *testing.B) {
	for name, make := range sides {
		b.Run(name, func(b *testing.B) {
			call := make(b)
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

// TestAllocations fails when a call becomes more expensive, which its allocations show on any
// machine.
func TestAllocations(t *testing.T) {
	most := map[string]float64{"server": 39, "client": 31} // 32 and 25, plus what sync.Pool drops with -race
	for name, make := range sides {
		if got := testing.AllocsPerRun(100, make(t)); got > most[name] {
			t.Errorf("%s: got %.0f allocations a call, want at most %.0f", name, got, most[name])
		} else {
			t.Logf("%s: %.0f allocations a call", name, got)
		}
	}
}
