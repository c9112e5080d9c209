package messaging_test

import (
	"context"
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

// The broker refuses the row of each of these services.
type (
	OtherFlags struct {
		_ service.Name `service:"refused"`

		Entrypoints struct {
			On messaging.Consumer `messaging:"transient"`
		}

		listener
	}
	OtherKind struct {
		_ service.Name `service:"refused"`

		Entrypoints struct {
			On messaging.Consumer `messaging:"mine" exchange:"fan" kind:"topic" key:"a.#"`
		}

		listener
	}
	NoExchange struct {
		_ service.Name `service:"refused"`

		Entrypoints struct {
			On messaging.Consumer `messaging:"mine" exchange:"nobody" key:"a"`
		}

		listener
	}
	NoQueue struct {
		_ service.Name `service:"refused"`

		Entrypoints struct {
			On messaging.Consumer `messaging:"nobody" declare:"false"`
		}

		listener
	}
	NotMine struct {
		_ service.Name `service:"refused"`

		Entrypoints struct {
			On messaging.Consumer `messaging:"theirs" declare:"false"`
		}

		listener
	}
)

// Fine is not affected by the others.
type Fine struct {
	_ service.Name `service:"fine"`

	Entrypoints struct {
		Hear   messaging.Consumer `messaging:"one" method:"On" exchange:"square" kind:"fanout"`
		Other  messaging.Consumer `messaging:"two" method:"On"`
		Tell   rpc.Method         `rpc:"tell(payload)"`
		Nobody rpc.Method         `rpc:"nobody(payload)"`
	}

	Square  messaging.Publisher `messaging:"square" kind:"fanout"`
	Missing messaging.Publisher `messaging:"missing" key:"a"`

	listener
}

func (f *Fine) Tell(ctx context.Context, payload string) error   { return f.Square(ctx, payload) }
func (f *Fine) Nobody(ctx context.Context, payload string) error { return f.Missing(ctx, payload) }

// A listener reports each payload.
type listener struct{ heard chan string }

func (l *listener) On(_ context.Context, payload string) error { l.heard <- payload; return nil }

// TestRefused starts services whose declarations the broker refuses: the start fails with the
// remedy. Services that run are not affected, nor those that start later.
func TestRefused(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		heard := make(chan string, 1)
		start(t, uri, &Fine{listener: listener{heard}})
		fine := caller(t, uri).Client("fine")
		peer := brokertest.Channel(t, uri)
		_, err := peer.QueueDeclare("transient", false, true, false, false, amqp.Table{"x-expires": 60_000})
		if err == nil {
			_, err = peer.QueueDeclare("theirs", false, false, true, false, nil)
		}
		if err == nil {
			err = peer.ExchangeDeclare("fan", "fanout", true, false, false, false, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			service any
			want    []string
		}{
			{&OtherFlags{}, []string{`queue "transient": broker: 406`, `declare it with the flags and arguments that it has, or delete it once it is empty and unused`}},
			{&OtherKind{}, []string{`exchange "fan": broker: 406`, `declare it with the flags and arguments that it has, or delete it once it is empty and unused`}},
			{&NoExchange{}, []string{`binding of queue "mine" to exchange "nobody" with key "a": broker: 404`, `declare the queue and the exchange first`}},
			{&NoQueue{}, []string{`consume queue "nobody": broker: 404`, `declare the queue first`}},
			{&NotMine{}, []string{`queue "theirs": broker: 405`, `the queue is exclusive to another connection`}},
		} {
			p := host(t, service.Config{}, transport.Config{URI: uri}, test.service)
			err := p.Start(t.Context())
			if err == nil {
				t.Errorf("%T: started", test.service)
				continue
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%T: got %v, want %s in it", test.service, err, want)
				}
			}
			if err := fine.Call(t.Context(), "tell", nil, "still here"); err != nil {
				t.Error(err)
			}
			hosttest.Receive(t, "who was there", heard)
		}
		start(t, uri, new(Post))
	})
}

// TestMissingExchange publishes to an exchange that does not exist: that is an error for each
// message, and other publishers are not affected.
func TestMissingExchange(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		heard := make(chan string, 1)
		start(t, uri, &Fine{listener: listener{heard}})
		fine := caller(t, uri).Client("fine")
		for range 3 {
			err := fine.Call(t.Context(), "nobody", nil, "hello?")
			for _, want := range []string{"message to missing/a: ", "404", "no exchange 'missing'", "declare the exchange first"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s in it", err, want)
				}
			}
			if err := fine.Call(t.Context(), "tell", nil, "hello"); err != nil {
				t.Error(err)
			}
			hosttest.Receive(t, "the other exchange", heard)
		}
		// An exchange that the service declares is declared again after somebody has deleted it.
		if err := brokertest.Channel(t, uri).ExchangeDelete("square", false, false); err != nil {
			t.Fatal(err)
		}
		if err := fine.Call(t.Context(), "tell", nil, "hello"); err != nil {
			t.Error(err)
		}
	})
}

// TestMadeAnew has somebody delete a consumed queue and declare it with other flags: that is
// logged, its row consumes the new queue, and other rows are not affected.
func TestMadeAnew(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		heard := make(chan string, 10)
		p := start(t, uri, &Fine{listener: listener{heard}})
		for won := false; !won; { // the service may be faster and declare the queue as it was
			peer := brokertest.Channel(t, uri)
			if _, err := peer.QueueDelete("one", false, false, false); err != nil {
				t.Fatal(err)
			}
			_, err := peer.QueueDeclare("one", false, false, false, false, amqp.Table{"x-max-length": 10})
			won = err == nil
		}
		peer := brokertest.Channel(t, uri)
		p.Log.Wait(t, 1, "level=ERROR", `queue \"one\"`, "406")
		for _, queue := range []string{"one", "two"} {
			if err := peer.PublishWithContext(t.Context(), "", queue, true, false, amqp.Publishing{Body: []byte(`"` + queue + `"`)}); err != nil {
				t.Fatal(err)
			}
			if got := hosttest.Receive(t, queue, heard); got != queue {
				t.Errorf("got %s, want %s", got, queue)
			}
		}
	})
}
