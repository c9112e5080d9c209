package servicetest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Chat is a service with sockets.
type Chat struct {
	_ service.Name `service:"chat"`

	Entrypoints struct {
		Join web.SocketMethod `web:"join(room)"`
		Say  web.SocketMethod `web:"say(room, text)"`
		Wait web.SocketMethod `web:"wait" timeout:"1h"`
	}

	Hub web.Hub
}

func (c *Chat) Join(_ context.Context, s *web.Socket, room string) ([]string, error) {
	if room == "" {
		return nil, rpc.NewError("chat.exceptions.NoRoom", "no room")
	}
	return c.Hub.Subscriptions(s.ID), c.Hub.Subscribe(s.ID, room)
}

func (c *Chat) Say(ctx context.Context, room, text string) error {
	user, _ := service.UserID.Get(ctx)
	return c.Hub.Broadcast(ctx, room, "said", user+": "+text)
}

func (c *Chat) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A message reaches the sockets that have joined.
func TestChat(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Chat))
	ana, julio := h.Socket(), h.Socket()
	if err := julio.Call(t.Context(), "join", nil, rpc.Kwargs{"room", "kitchen"}); err != nil {
		t.Fatal(err)
	}
	if err := ana.Call(t.Context(), "say", nil, rpc.Kwargs{"room", "kitchen", "text", "tea?"}); err != nil {
		t.Fatal(err)
	}
	var text string
	if event, err := julio.Event(t.Context(), &text); event != "said" || text != ": tea?" || err != nil {
		t.Errorf("got %s %q, %v", event, text, err)
	}
}

// In a bubble of synctest, sockets stay open for hours of pings.
func TestSocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		h := servicetest.New(t, new(Chat), service.Configure(web.Hooks{
			Context: func(r *http.Request) (context.Context, error) {
				return service.UserID.With(r.Context(), r.Header.Get("Authorization")), nil
			},
		}))
		ana, julio := h.Socket(http.Header{"Authorization": {"ana"}}), h.Socket()
		if ana.ID == "" || ana.ID == julio.ID {
			t.Errorf("got the ids %q and %q", ana.ID, julio.ID)
		}
		for _, s := range []*servicetest.Socket{ana, julio} {
			var before []string
			if err := s.Call(ctx, "join", &before, rpc.Kwargs{"room", "kitchen"}); err != nil || before == nil {
				t.Errorf("got %v, %v", before, err)
			}
		}
		said := h.Watch("chat.Say")
		if err := ana.Call(ctx, "say", nil, rpc.Kwargs{"room", "kitchen", "text", "tea?"}); err != nil {
			t.Error(err)
		}
		if got := said(); got.Err != nil {
			t.Error(got.Err)
		}
		for _, s := range []*servicetest.Socket{ana, julio} {
			var text string
			if event, err := s.Event(ctx, &text); event != "said" || text != "ana: tea?" || err != nil {
				t.Errorf("got %s %q, %v", event, text, err)
			}
		}
		if err := ana.Call(ctx, "join", nil, rpc.Kwargs{"room", ""}); !errors.Is(err, rpc.NewError("chat.exceptions.NoRoom", "")) {
			t.Errorf("got %v, want the method's error", err)
		}

		for want, try := range map[string]func() error{
			`join: arguments of a websocket are passed by name: write rpc.Kwargs{"name", value} in place of [kitchen]`: func() error {
				return ana.Call(ctx, "join", nil, "kitchen")
			},
			"join: cannot decode into int: pass a pointer": func() error { return ana.Call(ctx, "join", 0) },
			"data: cannot decode into int: pass a pointer": func() error {
				_, err := ana.Event(ctx, 0)
				return err
			},
		} {
			if err := try(); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}

		began := time.Now()
		if err := ana.Call(ctx, "wait", nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 30*time.Second {
			t.Errorf("got %v after %s, want the end of 30 s", err, time.Since(began))
		}
		if _, err := ana.Event(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that there is no event", err)
		}
		time.Sleep(2 * time.Hour) // in the bubble
		julio.Close()
		if _, err := julio.Event(ctx, nil); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("got %v, want the end", err)
		}
		if err := ana.Call(ctx, "join", nil, rpc.Kwargs{"room", "hall"}); err != nil {
			t.Errorf("after two hours: %v", err)
		}
	})
}
