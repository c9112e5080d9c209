package interop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Shared is one service with that of peer/shared.py: instances in both languages share its queues.
type Shared struct {
	_ service.Name `service:"shared"`

	Entrypoints struct {
		Pool           events.Handler `events:"shared.pool" name:"on_pool" method:"Handle"`
		PoolUnreliable events.Handler `events:"shared.pool_unreliable" reliable:"false" name:"on_pool_unreliable" method:"Handle"`
		PoolRequeue    events.Handler `events:"shared.pool_requeue" requeue:"true" name:"on_pool_requeue" method:"Handle"`

		Star events.Handler `events:"shared star.*" name:"on_star" method:"Handle"`
		Hash events.Handler `events:"shared hash.#" name:"on_hash" method:"Handle"`
		End  events.Handler `events:"shared *.end" name:"on_end" method:"Handle"`
	}

	*listener
}

// GoAlone shares its queues with the service python_alone of peer/shared.py.
type GoAlone struct {
	_ service.Name `service:"go_alone"`

	Entrypoints struct {
		Singleton           events.Handler `events:"shared.singleton" delivery:"singleton" name:"on_singleton" method:"Handle"`
		SingletonUnreliable events.Handler `events:"shared.singleton_unreliable" delivery:"singleton" reliable:"false" name:"on_singleton_unreliable" method:"Handle"`
		SingletonRequeue    events.Handler `events:"shared.singleton_requeue" delivery:"singleton" requeue:"true" name:"on_singleton_requeue" method:"Handle"`
	}

	*listener
}

// Everywhere is one service with that of peer/shared.py, and each of its instances gets everything.
type Everywhere struct {
	_ service.Name `service:"everywhere"`

	Entrypoints struct {
		Broadcast           events.Handler `events:"shared.broadcast" delivery:"broadcast" name:"on_broadcast" method:"Handle"`
		BroadcastUnreliable events.Handler `events:"shared.broadcast_unreliable" delivery:"broadcast" reliable:"false" name:"on_broadcast_unreliable" method:"Handle"`
		BroadcastRequeue    events.Handler `events:"shared.broadcast_requeue" delivery:"broadcast" requeue:"true" name:"on_broadcast_requeue" method:"Handle"`
	}

	*listener
}

// A listener is what the services of an instance have in common.
type listener struct {
	instance string
	told     chan<- handled
	seen     sync.Map
}

// A handled is what an instance tells of an event.
type handled struct {
	By       string `json:"by"`
	Handler  string `json:"handler"`
	ID       int    `json:"id"`
	Language string `json:"language"`
}

type numbered struct {
	ID int `json:"id"`
}

// Handle fails the first time that it gets an event that is given back.
func (l *listener) Handle(ctx context.Context, n numbered) error {
	handler := service.FromContext(ctx).Method
	if strings.HasSuffix(handler, "_requeue") {
		if _, seen := l.seen.LoadOrStore(fmt.Sprint(handler, n.ID), true); !seen {
			return errors.New("not at once")
		}
	}
	language, _ := service.Language.Get(ctx)
	l.told <- handled{l.instance, handler, n.ID, language}
	return nil
}

// Collector gathers what the instances in Python tell.
type Collector struct {
	_ service.Name `service:"collector"`

	Entrypoints struct {
		Shared     events.Handler `events:"shared.handled" name:"on_shared" method:"OnHandled"`
		Alone      events.Handler `events:"python_alone.handled" name:"on_alone" method:"OnHandled"`
		Everywhere events.Handler `events:"everywhere.handled" name:"on_everywhere" method:"OnHandled"`
	}

	told chan<- handled
}

func (c *Collector) OnHandled(ctx context.Context, h handled) error {
	if language, _ := service.Language.Get(ctx); language != h.Language {
		h.Language = "lost on the way: " + language
	}
	c.told <- h
	return nil
}

// A fleet is instances of the services in both languages, on one broker, and what they tell.
type fleet struct {
	uri      string
	told     chan handled
	calls    *rpc.Caller
	dispatch events.Dispatcher // in the name of shared
	last     int               // the number of the latest event: no two have the same
}

func newFleet(t *testing.T, uri string) *fleet {
	t.Helper()
	broker := transport.Config{URI: uri}
	dispatch := events.NewDispatcher(hosttest.Dial(t, broker), "shared")
	return &fleet{uri: uri, told: make(chan handled, 10_000), calls: hosttest.Caller(t, broker, rpc.Config{}), dispatch: dispatch}
}

// startGo runs two instances of Everywhere, and one of each of the others.
func (f *fleet) startGo(t *testing.T) {
	t.Helper()
	one, two := &listener{instance: "go-1", told: f.told}, &listener{instance: "go-2", told: f.told}
	host(t, f.uri, one.instance, &Shared{listener: one}, &GoAlone{listener: one}, &Everywhere{listener: one})
	host(t, f.uri, two.instance, &Everywhere{listener: two})
}

// startPython does so too.
func (f *fleet) startPython(t *testing.T) {
	t.Helper()
	t.Setenv("INSTANCE", "python-1")
	startNameko(t, f.uri, "peer", "config.yaml", "shared", "everywhere, python_alone, shared")
	t.Setenv("INSTANCE", "python-2")
	startNameko(t, f.uri, "peer", "config.yaml", "shared:Everywhere", "everywhere")
}

// An emitter dispatches events of a type, with their numbers.
type emitter func(ctx context.Context, event string, numbers []int) error

func (f *fleet) python(ctx context.Context, event string, numbers []int) error {
	return f.calls.Client("shared").Call(ctx, "emit", nil, event, numbers)
}

func (f *fleet) script(ctx context.Context, event string, numbers []int) error {
	return f.calls.Client("shared").Call(ctx, "emit_as_script", nil, event, numbers)
}

func (f *fleet) golang(ctx context.Context, event string, numbers []int) error {
	for _, n := range numbers {
		if err := f.dispatch(ctx, event, numbered{n}); err != nil {
			return err
		}
	}
	return nil
}

// A batch of events of a type was dispatched.
type batch struct {
	event       string
	first, many int // their numbers
}

// emit dispatches many events of a type in French, which scripts cannot say.
func (f *fleet) emit(t *testing.T, by emitter, event string, many int) batch {
	t.Helper()
	numbers := make([]int, many)
	for i := range numbers {
		f.last++
		numbers[i] = f.last
	}
	if err := by(service.Language.With(t.Context(), "fr"), event, numbers); err != nil {
		t.Fatal(err)
	}
	return batch{event, numbers[0], many}
}

// expect waits until the instances have handled the batches, which are all there is: an event once,
// or once by each of them if it is a broadcast. Each instance has to have a part in it.
func (f *fleet) expect(t *testing.T, language string, instances []string, batches ...batch) {
	t.Helper()
	byHandler, left := map[string]batch{}, 0
	for _, b := range batches {
		byHandler["on_"+b.event] = b
		left += b.many
		if b.broadcast() {
			left += b.many * (len(instances) - 1)
		}
	}
	seen, part := map[handled]bool{}, map[[2]string]int{}
	for ; left > 0; left-- {
		h := f.collect(t, fmt.Sprintf("%v: handled were %v", batches, part))
		b, ok := byHandler[h.Handler]
		if !ok || !slices.Contains(instances, h.By) || h.Language != language || h.ID < b.first || h.ID >= b.first+b.many {
			t.Fatalf("got %+v, want one of %+v by one of %v in language %q", h, batches, instances, language)
		}
		part[[2]string{b.event, h.By}]++
		if !b.broadcast() {
			h.By = "any"
		}
		if seen[h] {
			t.Errorf("%+v: was handled before", h)
		}
		seen[h] = true
	}
	if got, want := len(part), len(batches)*len(instances); got != want {
		t.Errorf("got %v handled, want some by each of %v", part, instances)
	}
}

func (b batch) broadcast() bool { return strings.HasPrefix(b.event, "broadcast") }

// collect returns what an instance tells next.
func (f *fleet) collect(t *testing.T, while string) handled {
	t.Helper()
	return hosttest.Receive(t, while, f.told)
}

// TestEvents has events of either language reach handlers in both, as often as their delivery says,
// with their context data.
func TestEvents(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		const some = 20
		f := newFleet(t, uri)
		host(t, uri, "", &Collector{told: f.told})

		var pool, singleton, broadcast batch
		t.Run("to nobody", func(t *testing.T) {
			t.Run("who was there", f.startGo)
			pool, singleton, broadcast = f.emit(t, f.golang, "pool", some), f.emit(t, f.golang, "singleton", some), f.emit(t, f.golang, "broadcast", some)
			for _, event := range []string{"pool_unreliable", "singleton_unreliable", "broadcast_unreliable"} {
				f.emit(t, f.golang, event, some) // is lost
			}
		})
		f.startPython(t)
		f.expect(t, "fr", []string{"python-1"}, pool, singleton)
		f.startGo(t)
		f.expect(t, "fr", []string{"go-1", "go-2"}, broadcast)

		for _, from := range []struct {
			name     string
			emit     emitter
			language string
		}{
			{"python", f.python, "fr"},
			{"python script", f.script, ""},
			{"go", f.golang, "fr"},
		} {
			t.Run("from "+from.name, func(t *testing.T) {
				f.expect(t, from.language, []string{"go-1", "python-1"}, f.emit(t, from.emit, "pool", 1000))
				for _, event := range []string{"pool_unreliable", "pool_requeue", "singleton", "singleton_unreliable", "singleton_requeue"} {
					f.expect(t, from.language, []string{"go-1", "python-1"}, f.emit(t, from.emit, event, some))
				}
				for _, event := range []string{"broadcast", "broadcast_unreliable", "broadcast_requeue"} {
					f.expect(t, from.language, []string{"go-1", "go-2", "python-1", "python-2"}, f.emit(t, from.emit, event, some))
				}
				f.checkPatterns(t, from.emit)
			})
		}
		if len(f.told) > 0 {
			t.Errorf("got %+v, want nothing more", <-f.told)
		}
	})
}

// checkPatterns dispatches events of types that are matched by some of star.*, hash.# and *.end.
func (f *fleet) checkPatterns(t *testing.T, emit emitter) {
	t.Helper()
	type match struct {
		event, handler string
	}
	event, want := map[int]string{}, map[match]bool{}
	for _, test := range []struct {
		event    string
		handlers []string
	}{
		{"star", nil},
		{"star.a", []string{"on_star"}},
		{"star.a.b", nil},
		{"hash", []string{"on_hash"}},
		{"hash.a.b", []string{"on_hash"}},
		{"rehash", nil},
		{"the.end", []string{"on_end"}},
		{"star.end", []string{"on_star", "on_end"}},
		{"hash.end", []string{"on_hash", "on_end"}},
		{"end", nil},
	} {
		event[f.emit(t, emit, test.event, 1).first] = test.event
		for _, handler := range test.handlers {
			want[match{test.event, handler}] = true
		}
	}
	for len(want) > 0 {
		h := f.collect(t, fmt.Sprint(want))
		got := match{event[h.ID], h.Handler}
		if !want[got] {
			t.Fatalf("got %+v, event %q, want one of %v", h, got.event, want)
		}
		delete(want, got)
	}
}

// host runs services until the test ends, as one instance of them; the identity may be "".
func host(t *testing.T, uri, identity string, services ...any) {
	t.Helper()
	hostOn(t, service.Config{}, transport.Config{URI: uri}, append(services, service.Defaults(events.Config{Identity: identity}))...)
}
