package events_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A user is the payload of the events.
type user struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
}

// got is one call of a handler.
type got struct {
	at          string // the row
	event       events.Event
	user        user
	redelivered bool
	stack       int
	language    string
}

// Pool has handlers of a pool.
type Pool struct {
	_ service.Name `service:"vec_pool"`

	Entrypoints struct {
		OnPool       events.Handler `events:"vec_source.pool_evt"`
		OnUnreliable events.Handler `events:"vec_source.unreliable_evt" reliable:"false"`
		OnFail       events.Handler `events:"vec_source.fail_evt"`
		OnRequeue    events.Handler `events:"vec_source.requeue_evt" requeue:"true"`
		OnWild       events.Handler `events:"vec_source wild.*"`
	}

	calls chan got
}

func (p *Pool) OnPool(ctx context.Context, e events.Event, u user) error {
	p.calls <- seen(ctx, "pool", e, u)
	return nil
}

func (p *Pool) OnUnreliable(ctx context.Context, u user) error {
	p.calls <- seen(ctx, "unreliable", events.Event{}, u)
	return nil
}

func (p *Pool) OnFail(ctx context.Context, u user) error {
	p.calls <- seen(ctx, "fail", events.Event{}, u)
	return errors.New("no luck")
}

func (p *Pool) OnRequeue(ctx context.Context, u user) error {
	g := seen(ctx, "requeue", events.Event{}, u)
	p.calls <- g
	if !g.redelivered {
		return errors.New("again")
	}
	return nil
}

func (p *Pool) OnWild(ctx context.Context, e events.Event, u user) error {
	p.calls <- seen(ctx, "wild", e, u)
	return nil
}

func seen(ctx context.Context, at string, e events.Event, u user) got {
	call := service.FromContext(ctx)
	language, _ := service.Language.Get(ctx)
	return got{at, e, u, call.Redelivered, len(call.Parents), language}
}

// Source dispatches events when it is called.
type Source struct {
	_ service.Name `service:"vec_source"`

	Entrypoints struct {
		Emit   rpc.Method `rpc:"emit(event, payload)"`
		Insist rpc.Method `rpc:"insist(event, payload)"`
		Break  rpc.Method `rpc:"break(event)"`
	}

	Dispatch  events.Dispatcher
	Mandatory events.Dispatcher `mandatory:"true"`
}

func (s *Source) Emit(ctx context.Context, event string, payload any) error {
	return s.Dispatch(ctx, event, payload)
}

func (s *Source) Insist(ctx context.Context, event string, payload any) error {
	err := s.Mandatory(ctx, event, payload)
	if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
		return rpc.NewError("vec_source.Returned", returned.Text)
	}
	return err
}

func (s *Source) Break(ctx context.Context, event string) error {
	return s.Dispatch(ctx, event, make(chan int))
}

func TestPool(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan got, 10)
		start(t, uri, events.Config{}, &Pool{calls: calls})
		dispatch := events.NewDispatcher(dial(t, uri), "vec_source")
		ctx := service.Language.With(t.Context(), "fr")
		send := func(event string) {
			t.Helper()
			if err := dispatch(ctx, event, user{7, "é"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			event string
			want  []got
		}{
			{"pool_evt", []got{{at: "pool", event: events.Event{Service: "vec_source", Type: "pool_evt"}}}},
			{"unreliable_evt", []got{{at: "unreliable"}}},
			{"fail_evt", []got{{at: "fail"}}},
			{"requeue_evt", []got{{at: "requeue"}, {at: "requeue", redelivered: true}}},
			{"wild.one.two", nil},
			{"wild.one", []got{{at: "wild", event: events.Event{Service: "vec_source", Type: "wild.one"}}}},
		} {
			send(test.event)
			for _, want := range test.want {
				want.user, want.language = user{7, "é"}, "fr"
				if got := hosttest.Receive(t, test.event, calls); got != want {
					t.Errorf("%s: got %+v, want %+v", test.event, got, want)
				}
			}
		}
	})
}

// TestUnreadable sends events that cannot be read: they are logged and acknowledged, and the
// consumer continues.
func TestUnreadable(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan got, 10)
		p := start(t, uri, events.Config{}, &Pool{calls: calls})
		ch := brokertest.Channel(t, uri)
		json := amqp.Publishing{ContentType: "application/json", ContentEncoding: "utf-8"}
		for _, test := range []struct {
			name    string
			message amqp.Publishing
			body    string
			want    []string // of the log
		}{
			{"not JSON", json, `{"id": `, []string{`not valid JSON`, `{\\\"id\\\": `}},
			{"empty", json, ``, []string{`not valid JSON: empty`}},
			{"wrong type", json, `{"id": "seven"}`, []string{`a string does not fit int`, `seven`}},
			{"another object", json, `[1]`, []string{`a list does not fit`, `[1]`}},
			{"not text", json, "\xff", []string{`not valid UTF-8`}},
			{"charset", amqp.Publishing{ContentType: "application/json; charset=latin1"}, `{"id": 1}`, []string{`is not accepted: send application/json in UTF-8`}},
			{"pickle", amqp.Publishing{ContentType: "application/x-python-serialize"}, "x", []string{`is not accepted: send application/json`}},
			{"over the limit", json, strings.Repeat(" ", maxMessage+1), []string{`is over max_message, 1048576`}},
		} {
			before := len(p.Log.Lines("message dropped"))
			for _, key := range []string{"requeue_evt", "pool_evt"} {
				test.message.Body = []byte(test.body)
				if err := ch.PublishWithContext(t.Context(), "vec_source.events", key, true, false, test.message); err != nil {
					t.Fatal(err)
				}
			}
			if err := events.NewDispatcher(dial(t, uri), "vec_source")(t.Context(), "pool_evt", user{ID: 1}); err != nil {
				t.Fatal(err)
			}
			hosttest.Receive(t, test.name+": a good one behind it", calls)
			p.Log.Wait(t, before+2, "message dropped")
			if twice := p.Log.Lines("call failed"); len(twice) > 0 {
				t.Errorf("%s: logged as a call too: %s", test.name, twice)
			}
			lines := p.Log.Lines("level=ERROR", "message dropped: it cannot be read", "queue=evt-vec_source-pool_evt--vec_pool.on_pool")
			line := lines[len(lines)-1]
			for _, want := range test.want {
				if !strings.Contains(line, want) {
					t.Errorf("%s: got %s, want %s in it", test.name, line, want)
				}
			}
		}
		for _, queue := range []string{"evt-vec_source-pool_evt--vec_pool.on_pool", "evt-vec_source-requeue_evt--vec_pool.on_requeue"} {
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages in %s, want none", n, queue)
			}
		}
	})
}

// The content type of an event in JSON may have parameters, as sent by clients in other languages.
func TestContentTypeParameters(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan got, 1)
		start(t, uri, events.Config{}, &Pool{calls: calls})
		event := amqp.Publishing{ContentType: "application/json; charset=UTF-8", Body: []byte(`{"id": 7}`)}
		if err := brokertest.Channel(t, uri).PublishWithContext(t.Context(), "vec_source.events", "pool_evt", true, false, event); err != nil {
			t.Fatal(err)
		}
		if got := hosttest.Receive(t, "the event", calls); got.user.ID != 7 {
			t.Errorf("got %+v, want user 7", got.user)
		}
	})
}

func TestDispatch(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, events.Config{}, &Source{})
		source := caller(t, uri).Client("vec_source")
		for _, test := range []struct {
			method string
			args   []any
			want   string // of the error; "" is none
		}{
			{"emit", []any{"nobody_evt", user{}}, ""},
			{"insist", []any{"nobody_evt", user{}}, "Returned: NO_ROUTE"},
			{"break", []any{"nobody_evt"}, "event nobody_evt of vec_source: payload: "},
			{"emit", []any{strings.Repeat("x", 256), 1}, "routing key: 256 bytes, over the limit of 255"},
			{"emit", []any{"evt", strings.Repeat("x", maxMessage-100)}, ""},
			{"emit", []any{"nobody_evt", nil}, ""},
		} {
			err := source.Call(t.Context(), test.method, nil, test.args...)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s(%.20v): got %v, want %q in it", test.method, test.args, err, test.want)
			}
		}
	})
}

// TestNewDispatcher dispatches without declaring, as Nameko's event_dispatcher does.
func TestNewDispatcher(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := dial(t, uri)
		var refused *transport.Error
		if err := events.NewDispatcher(conn, "nobody")(t.Context(), "evt", 1); !errors.As(err, &refused) || refused.Code != 404 {
			t.Errorf("no exchange: got %v, want a 404", err)
		}
		start(t, uri, events.Config{}, &Source{})
		if err := events.NewDispatcher(conn, "vec_source")(t.Context(), "evt", 1); err != nil {
			t.Errorf("after the refusal: %v", err)
		}
		insist := events.NewDispatcher(conn, "vec_source", func(m *transport.Publishing) { m.Mandatory, m.Headers["x"] = true, 1 })
		if err := insist(t.Context(), "evt", 1); !errors.As(err, new(*transport.Returned)) {
			t.Errorf("mandatory: got %v, want a *transport.Returned", err)
		}
	})
}
