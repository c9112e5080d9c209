package rpc_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Talker sends bodies as large as its arguments.
type Talker struct {
	_ service.Name `service:"talker"`

	Entrypoints struct {
		Say   rpc.Method     `rpc:"say(text)"`
		Items rpc.Method     `rpc:"items(text)"`
		Heard events.Handler `events:"talker.said"`
	}

	Tell events.Dispatcher

	heard chan string
}

// Say dispatches an event, and returns its argument.
func (s *Talker) Say(ctx context.Context, text string) (string, error) {
	return text, s.Tell(ctx, "said", text)
}

// Items returns its argument twice.
func (*Talker) Items(_ context.Context, text string) (iter.Seq2[string, error], error) {
	return func(yield func(string, error) bool) {
		for range 2 {
			if !yield(text, nil) {
				return
			}
		}
	}, nil
}

// Heard receives the event.
func (s *Talker) Heard(_ context.Context, text string) error {
	s.heard <- text
	return nil
}

// TestCompressOver has callers and services that compress bodies over 1,000 bytes, and others that
// do not. Each reads what the other sends, and a reply is compressed only if both compress.
func TestCompressOver(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, c := range []struct {
			caller, server, size int
			want                 string // what is compressed
		}{
			{0, 0, 2000, ""},
			{1000, 0, 2000, "request"},
			{0, 1000, 2000, "event part"},
			{1000, 1000, 2000, "request reply event part"},
			{1000, 1000, 300, ""},
		} {
			t.Run(fmt.Sprint(c.caller, c.server, c.size), func(t *testing.T) {
				s := &Talker{heard: make(chan string, 1)}
				ours, theirs := new(brokertest.Tap), new(brokertest.Tap)
				h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, CompressOver: c.server, Dial: theirs.Dial}}, s)
				client := hosttest.Caller(t, transport.Config{URI: uri, CompressOver: c.caller, Dial: ours.Dial}, rpc.Config{}).Client("talker")
				text := strings.Repeat("x", c.size)
				var got string
				if err := client.Call(t.Context(), "say", &got, text); err != nil || got != text {
					t.Fatalf("got %d bytes, %v", len(got), err)
				}
				if heard := hosttest.Receive(t, "the event", s.heard); heard != text {
					t.Errorf("heard %d bytes", len(heard))
				}
				for item, err := range rpc.Stream[string](t.Context(), client, "items", text) {
					if err != nil || item != text {
						t.Errorf("got %d bytes, %v", len(item), err)
					}
				}
				hosttest.Close(t, h.Stop)
				if got := compressed(t, ours, theirs); got != c.want {
					t.Errorf("got %q compressed, want %q", got, c.want)
				}
			})
		}
	})
}

// compressed returns the kinds of messages that a caller and a service have sent compressed.
func compressed(t *testing.T, caller, server *brokertest.Tap) string {
	t.Helper()
	found := map[string]bool{}
	for _, m := range append(caller.Published(t), server.Published(t)...) {
		headers, _ := m.Properties["headers"].(map[string]any)
		if headers["compression"] != "application/x-gzip" {
			continue
		}
		switch {
		case strings.HasPrefix(m.Key, "talker."):
			found["request"] = true
		case m.Properties["type"] == "gomeko.part":
			found["part"] = true
		case m.Key == "said":
			found["event"] = true
		default:
			found["reply"] = true
		}
	}
	var all []string
	for _, kind := range []string{"request", "reply", "event", "part"} {
		if found[kind] {
			all = append(all, kind)
		}
	}
	return strings.Join(all, " ")
}
