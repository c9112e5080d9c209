package interop_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// GoTour is peer/tour.py in Go.
type GoTour struct {
	_ service.Name `service:"go_tour"`

	Entrypoints struct {
		Visit   rpc.Method     `rpc:"visit(tour)"`
		OnVisit events.Handler `events:"python_tour.visit" method:"Visit" name:"on_visit"`

		EndedHere  events.Handler `events:"go_tour.ended" method:"Ended" name:"ended_here"`
		EndedThere events.Handler `events:"python_tour.ended" method:"Ended" name:"ended_there"`
	}

	Python   rpc.Client `rpc:"python_tour"`
	Dispatch events.Dispatcher

	ended chan<- tour
}

// A tour goes from Python to Go and back, by a call of the one or by an event for it, as its legs
// say.
type tour struct {
	Legs   []string `json:"legs"` // those to come: "call" or "event"
	Visits []visit  `json:"visits"`
}

// A visit is what arrived with a call or an event.
type visit struct {
	Stack []string       `json:"stack"`
	Data  map[string]any `json:"data"`
}

func visitOf(ctx context.Context) visit {
	return visit{service.FromContext(ctx).Stack(), maps.Collect(service.Data(ctx))}
}

func (g *GoTour) Visit(ctx context.Context, t tour) error {
	t.Visits = append(t.Visits, visitOf(ctx))
	if len(t.Legs) == 0 {
		return g.Dispatch(ctx, "ended", t)
	}
	leg := t.Legs[0]
	t.Legs = t.Legs[1:]
	if leg == "event" {
		return g.Dispatch(ctx, "visit", t)
	}
	return g.Python.Call(ctx, "visit", nil, t)
}

func (g *GoTour) Ended(ctx context.Context, t tour) error {
	t.Visits = append(t.Visits, visitOf(ctx))
	g.ended <- t
	return nil
}

// TestContext has calls and events that cause each other carry the context data and the stack of
// call ids, from Python to Go to Python and from Go to Python to Go.
func TestContext(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startNameko(t, uri, "peer", "config.yaml", "tour", "python_tour")
		ended := make(chan tour, 1)
		host(t, uri, "", &GoTour{ended: ended})
		broker := transport.Config{URI: uri}
		calls, conn := hosttest.Caller(t, broker, rpc.Config{}), hosttest.Dial(t, broker)

		ctx := service.Language.With(t.Context(), "fr")
		ctx = service.Key[map[string]any]("shop").With(ctx, map[string]any{"id": 7, "open": true, "tags": []any{"a", "é"}})
		const data = `{"language": "fr", "shop": {"id": 7, "open": true, "tags": ["a", "é"]}}`
		other := map[string]string{"python_tour": "go_tour", "go_tour": "python_tour"}
		for first := range other {
			for _, legs := range [][]string{
				{"call", "call", "call"},
				{"call", "event", "call"},
				{"call", "event", "event"},
				{"event", "call", "event"},
				{"event", "event", "call"},
				{"event", "event", "event"},
			} {
				t.Run(first+" "+strings.Join(legs, " "), func(t *testing.T) {
					var err error
					if on := (tour{legs[1:], []visit{}}); legs[0] == "call" {
						err = calls.Client(first).Call(ctx, "visit", nil, on)
					} else {
						err = events.NewDispatcher(conn, other[first])(ctx, "visit", on)
					}
					if err != nil {
						t.Fatal(err)
					}
					hosttest.Next(t, ended).check(t, data, first, other[first], first)
				})
			}
		}
	})
}

// check checks that each visit was by the service that was its turn, with the data, on top of the
// stack of the one before.
func (t tour) check(test *testing.T, data string, services ...string) {
	test.Helper()
	if len(t.Visits) != len(services)+1 {
		test.Fatalf("got visits %+v, want those of %v, and one who is told", t.Visits, services)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(data), &want); err != nil {
		test.Fatal(err)
	}
	for i, v := range t.Visits {
		if got := plain(test, v.Data); !reflect.DeepEqual(got, want) {
			test.Errorf("visit %d: got data %v, want %v", i, got, want)
		}
		last := len(v.Stack) - 1
		if i > 0 && !slices.Equal(v.Stack[:last], t.Visits[i-1].Stack) {
			test.Errorf("visit %d: got stack %q, want one on top of %q", i, v.Stack, t.Visits[i-1].Stack)
		}
		if i < len(services) && !strings.HasPrefix(v.Stack[last], services[i]+".") {
			test.Errorf("visit %d: got call id %q, want one of %s", i, v.Stack[last], services[i])
		}
	}
}

// plain returns data after a round trip through JSON.
func plain(t *testing.T, data map[string]any) (got map[string]any) {
	t.Helper()
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}
