package events_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// teller dispatches events.
type teller struct {
	_        service.Name `service:"teller"`
	Dispatch events.Dispatcher
}

// TestListen checks that payloads arrive as JSON whatever their codec, only for the requested
// types, until ctx ends. After that the queue is gone.
func TestListen(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(teller))
		dispatch := events.NewDispatcher(hosttest.Dial(t, transport.Config{URI: uri, Codec: msgpack.Codec}), "teller")
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		ctx, cancel := context.WithCancel(t.Context())
		heard, ended := make(chan string, 1000), make(chan error)
		go func() {
			ended <- events.Listen(ctx, conn, "teller", "told.*", func(e events.Event, payload json.RawMessage) {
				heard <- e.Service + " " + e.Type + " " + string(payload)
			})
		}()
		hosttest.Eventually(t, "the queue", func() bool {
			if err := dispatch(t.Context(), "told.first", nil); err != nil {
				t.Fatal(err)
			}
			return len(heard) > 0
		})
		for event, payload := range map[string]any{"other": 1, "told.now": map[string]any{"n": 1}} {
			if err := dispatch(t.Context(), event, payload); err != nil {
				t.Fatal(err)
			}
		}
		for got := "teller told.first null"; got != `teller told.now {"n":1}`; {
			if got = hosttest.Receive(t, "an event", heard); !strings.HasPrefix(got, "teller told.") {
				t.Fatalf("got the event %s", got)
			}
		}
		cancel()
		if err := hosttest.Receive(t, "the end", ended); err != nil {
			t.Error(err)
		}
		if err := events.Listen(t.Context(), conn, "nobody", "#", nil); err == nil || !strings.Contains(err.Error(), "events # of nobody: ") {
			t.Errorf("got %v of a service that does not exist", err)
		}
	})
}
