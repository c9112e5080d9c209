package events_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Singleton listens as one of all services.
type Singleton struct {
	_ service.Name `service:"vec_singleton"`

	Entrypoints struct {
		OnSingleton           events.Handler `events:"vec_source.singleton_evt" delivery:"singleton"`
		OnSingletonUnreliable events.Handler `events:"vec_source.singleton_unreliable_evt" delivery:"singleton" reliable:"false"`
	}

	calls chan got
}

func (s *Singleton) OnSingleton(ctx context.Context, e events.Event, u user) error {
	s.calls <- seen(ctx, "singleton", e, u)
	return nil
}

func (s *Singleton) OnSingletonUnreliable(ctx context.Context, e events.Event, u user) error {
	s.calls <- seen(ctx, "singleton", e, u)
	return nil
}

// Broadcast listens in every instance, and is given up with it.
type Broadcast struct {
	_ service.Name `service:"vec_broadcast"`

	Entrypoints struct {
		OnBroadcast events.Handler `events:"vec_source.broadcast_evt" delivery:"broadcast" reliable:"false"`
	}

	calls chan got
}

func (b *Broadcast) OnBroadcast(ctx context.Context, e events.Event, u user) error {
	b.calls <- seen(ctx, "broadcast", e, u)
	return nil
}

// Fixed listens in every instance, which keeps its queue.
type Fixed struct {
	_ service.Name `service:"vec_broadcast"`

	Entrypoints struct {
		OnBroadcastFixed events.Handler `events:"vec_source.broadcast_fixed_evt" delivery:"broadcast"`
	}

	calls chan got
}

func (f *Fixed) OnBroadcastFixed(ctx context.Context, e events.Event, u user) error {
	f.calls <- seen(ctx, "fixed", e, u)
	return nil
}

// What a Go service dispatches is what Nameko's did, and it reaches the handlers that it reached there.
func TestVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		calls := make(chan got, 10)
		source := start(t, uri, events.Config{}, &Source{})
		start(t, uri, events.Config{}, &Pool{calls: calls}, &Singleton{calls: calls}, &Broadcast{calls: calls})
		start(t, uri, events.Config{Identity: "node-1"}, &Fixed{calls: calls})
		emit := caller(t, uri).Client("vec_source")
		for _, v := range brokertest.Vectors(t, "events") {
			if v.Messages[0].Key != "vec_source.emit" {
				continue // see TestStandaloneVectors
			}
			t.Run(v.Name, func(t *testing.T) {
				var args struct {
					Args []json.RawMessage `json:"args"`
				}
				if err := json.Unmarshal([]byte(v.Messages[0].Body), &args); err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				headers, _ := v.Messages[0].Properties["headers"].(map[string]any)
				for name, value := range headers {
					if key := strings.TrimPrefix(name, "nameko."); key != "call_id_stack" {
						ctx = service.Key[any](key).With(ctx, value)
					}
				}
				if err := emit.Call(ctx, "emit", nil, args.Args[0], args.Args[1]); err != nil {
					t.Fatal(err)
				}
				var sent []brokertest.Published
				for _, p := range source.tap.Published(t) {
					if p.Exchange == "vec_source.events" {
						sent = append(sent, p)
					}
				}
				sent[len(sent)-1].Equal(t, v.Messages[1])
				for range reached[v.Name] {
					wait(t, v.Name, calls)
				}
			})
		}
	})
}

// What a program that is no service dispatches is what Nameko's event_dispatcher did.
func TestStandaloneVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, events.Config{}, &Source{})
		for _, v := range brokertest.Vectors(t, "events") {
			want := v.Messages[0]
			if want.Key == "vec_source.emit" {
				continue
			}
			t.Run(v.Name, func(t *testing.T) {
				var tap brokertest.Tap
				service, _ := strings.CutSuffix(want.Exchange, ".events")
				dispatch := dialThrough(t, uri, &tap).Dispatcher(service)
				err := dispatch(t.Context(), want.Key, json.RawMessage(want.Body))
				if missing := v.Name == "standalone_dispatch_no_exchange"; missing != (err != nil) {
					t.Errorf("got %v, want an error: %t", err, missing)
				}
				tap.Published(t)[0].Equal(t, want)
				if declared := tap.Declarations(t); len(declared) > 0 {
					t.Errorf("got %v declared, want nothing", declared)
				}
			})
		}
	})
}

// reached is how many calls an event leads to.
var reached = map[string]int{
	"pool_evt": 1, "singleton_evt": 1, "singleton_unreliable_evt": 1, "broadcast_evt": 1, "broadcast_fixed_evt": 1,
	"unreliable_evt": 1, "wild.one": 1, "fail_evt": 1, "requeue_evt": 2,
}

// What is declared is what Nameko declares, under each configuration.
func TestTopology(t *testing.T) {
	vectors := map[string]brokertest.Vector{}
	for _, group := range []string{"transcripts", "config_effects"} {
		for _, v := range brokertest.Vectors(t, group) {
			vectors[v.Name] = v
		}
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, test := range []struct {
			vector   string
			cfg      events.Config
			services []any
		}{
			{"source", events.Config{}, []any{&Source{}}},
			{"pool", events.Config{}, []any{&Pool{}}},
			{"singleton", events.Config{}, []any{&Singleton{}}},
			{"broadcast", events.Config{Identity: "node-1"}, []any{&Fixed{}}},
			{"broadcast", events.Config{}, []any{&Broadcast{}}},
			{"declare_event_exchanges_false_present", events.Config{Undeclared: true}, []any{&Source{}, &Singleton{}}},
		} {
			t.Run(test.vector, func(t *testing.T) {
				p := start(t, uri, test.cfg, test.services...)
				compare(t, p, vectors[test.vector], test.services)
			})
		}
		if _, err := channel(t, uri).QueueDelete("evt-vec_source-singleton_evt", false, false, false); err != nil {
			t.Fatal(err)
		}
		if err := channel(t, uri).ExchangeDelete("vec_source.events", false, false); err != nil {
			t.Fatal(err)
		}
		t.Run("auto_delete_event_exchanges", func(t *testing.T) {
			p := start(t, uri, events.Config{AutoDelete: true}, &Source{}, &Singleton{})
			compare(t, p, vectors["auto_delete_event_exchanges"], []any{&Source{}, &Singleton{}})
		})
	})
}

// compare compares what p declares of events with what Nameko did, as far as p has the same rows.
func compare(t *testing.T, p *process, v brokertest.Vector, services []any) {
	t.Helper()
	want := v.Declarations()
	maps.DeleteFunc(want, func(line string, _ bool) bool {
		_, broadcast := services[0].(*Broadcast)
		_, fixed := services[0].(*Fixed)
		return !strings.Contains(line, "vec_source.events") && !strings.Contains(line, " evt-") ||
			broadcast && strings.Contains(line, "on_broadcast_fixed") || fixed && strings.Contains(line, "on_broadcast-")
	})
	got := p.tap.Declarations(t)
	maps.DeleteFunc(got, func(line string, _ bool) bool {
		return !strings.Contains(line, "vec_source.events") && !strings.Contains(line, " evt-")
	})
	if !maps.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", sorted(got), sorted(want))
	}
}

func sorted(lines map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
}

// An exchange that is missing, or is there with other flags, is an error of the start that says what to do
// (vectors declare_event_exchanges_false_missing, event_exchange_mismatch_dispatcher).
func TestRefusedTopology(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ch := channel(t, uri)
		if err := ch.ExchangeDeclare("vec_source.events", "topic", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDeclare("evt-vec_source-singleton_evt", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name    string
			cfg     events.Config
			service any
			want    []string
		}{
			{"other flags of the exchange", events.Config{}, &Source{},
				[]string{`exchange "vec_source.events"`, `406`, `declare it as it is, or delete it`}},
			{"other flags of the queue", events.Config{AutoDelete: true}, &Singleton{},
				[]string{`queue "evt-vec_source-singleton_evt"`, `406`, `declare it as it is, or delete it`}},
			{"no exchange", events.Config{Undeclared: true}, &Elsewhere{},
				[]string{`binding of queue "evt-nobody-evt--elsewhere.on_event" to exchange "nobody.events"`, `404`, `declare the queue and the exchange first`}},
		} {
			p := &process{}
			p.host(t, transport.Config{URI: uri}, test.cfg, test.service)
			err := p.Start(t.Context())
			if err == nil {
				t.Errorf("%s: started", test.name)
				continue
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %s in it", test.name, err, want)
				}
			}
		}
	})
}

// Elsewhere listens to a service that was never started.
type Elsewhere struct {
	_ service.Name `service:"elsewhere"`

	Entrypoints struct {
		OnEvent events.Handler `events:"nobody.evt"`
	}
}

func (*Elsewhere) OnEvent(context.Context, any) error { return nil }
