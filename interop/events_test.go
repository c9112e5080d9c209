package interop_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Shared is peer/shared.py in Go: instances of both are one service, and share its queues.
type Shared struct {
	_ service.Name `service:"shared"`

	Entrypoints struct {
		OnPool       events.Handler `events:"shared.pool_evt"`
		OnUnreliable events.Handler `events:"shared.unreliable_evt" reliable:"false"`
		OnWild       events.Handler `events:"shared wild.*"`
		OnSingleton  events.Handler `events:"shared.singleton_evt" delivery:"singleton"`
		OnBroadcast  events.Handler `events:"shared.broadcast_evt" delivery:"broadcast" reliable:"false"`
	}

	Dispatch events.Dispatcher
}

type numbered struct {
	ID int `json:"id"`
}

// A handled is what an instance tells of an event.
type handled struct {
	By       string `json:"by"`
	Handler  string `json:"handler"`
	ID       int    `json:"id"`
	Language string `json:"language"`
}

func (s *Shared) OnPool(ctx context.Context, n numbered) error { return s.handled(ctx, "pool", n) }
func (s *Shared) OnUnreliable(ctx context.Context, n numbered) error {
	return s.handled(ctx, "unreliable", n)
}
func (s *Shared) OnWild(ctx context.Context, n numbered) error { return s.handled(ctx, "wild", n) }
func (s *Shared) OnSingleton(ctx context.Context, n numbered) error {
	return s.handled(ctx, "singleton", n)
}
func (s *Shared) OnBroadcast(ctx context.Context, n numbered) error {
	return s.handled(ctx, "broadcast", n)
}

func (s *Shared) handled(ctx context.Context, handler string, n numbered) error {
	language, _ := service.Language.Get(ctx)
	return s.Dispatch(ctx, "handled", handled{"go", handler, n.ID, language})
}

// Collector gathers what both tell.
type Collector struct {
	_ service.Name `service:"collector"`

	Entrypoints struct {
		OnHandled events.Handler `events:"shared.handled"`
	}

	told chan handled
}

func (c *Collector) OnHandled(ctx context.Context, h handled) error {
	if language, _ := service.Language.Get(ctx); language != h.Language {
		h.Language = "lost on the way: " + language
	}
	c.told <- h
	return nil
}

// Events of either language reach the handlers of both, as often as their delivery says, with their context data.
func TestEvents(t *testing.T) {
	const many = 1000
	brokertest.Each(t, func(t *testing.T, uri string) {
		startNameko(t, uri, "peer", "config.yaml", "shared", "shared")
		told := make(chan handled, 4*many)
		host(t, uri, new(Shared), &Collector{told: told})
		broker := transport.Config{URI: uri}
		calls, err := rpc.Dial(t.Context(), broker, rpc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer calls.Close(context.Background())
		conn, err := events.Dial(t.Context(), broker)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		dispatch := conn.Dispatcher("shared")

		for from, emit := range map[string]func(ctx context.Context, event string, numbers []int) error{
			"python": func(ctx context.Context, event string, numbers []int) error {
				return calls.Client("shared").Call(ctx, "emit", nil, event, numbers)
			},
			"go": func(ctx context.Context, event string, numbers []int) error {
				for _, n := range numbers {
					if err := dispatch(ctx, event, numbered{n}); err != nil {
						return err
					}
				}
				return nil
			},
		} {
			for _, test := range []struct {
				event, handler string
				events, each   int // how many are dispatched, and how often each is handled
			}{
				{"pool_evt", "pool", many, 1},
				{"unreliable_evt", "unreliable", 20, 1},
				{"wild.one", "wild", 20, 1},
				{"singleton_evt", "singleton", 20, 1},
				{"broadcast_evt", "broadcast", 20, 2},
			} {
				t.Run(from+" "+test.handler, func(t *testing.T) {
					numbers := make([]int, test.events)
					for i := range numbers {
						numbers[i] = i
					}
					if err := emit(service.Language.With(t.Context(), "fr"), test.event, numbers); err != nil {
						t.Fatal(err)
					}
					by, times := map[string]int{}, map[int]int{}
					for range test.events * test.each {
						h := collect(t, told)
						if h.Handler != test.handler || h.Language != "fr" {
							t.Fatalf("got %+v, want handler %s and language fr", h, test.handler)
						}
						by[h.By]++
						times[h.ID]++
					}
					for n, got := range times {
						if got != test.each {
							t.Errorf("event %d: got it handled %d times, want %d", n, got, test.each)
						}
					}
					if by["python"] == 0 || by["go"] == 0 {
						t.Errorf("got %v handled, want some by each", by)
					}
				})
			}
		}
		if len(told) > 0 {
			t.Errorf("got %+v handled once more", <-told)
		}
	})
}

func collect(t *testing.T, told <-chan handled) handled {
	t.Helper()
	select {
	case h := <-told:
		return h
	case <-time.After(time.Minute):
		t.Fatal("not handled in a minute")
	}
	panic("unreachable")
}

// host runs services until the test ends.
func host(t *testing.T, uri string, services ...any) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := service.New(service.Config{Logger: log, Values: []any{transport.Config{URI: uri, Logger: log}}}, services...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
