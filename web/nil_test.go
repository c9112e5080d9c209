package web_test

import (
	"context"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Shelf has results that are nil.
type Shelf struct {
	_ service.Name `service:"shelf"`

	Entrypoints struct {
		Names web.Route        `web:"GET /names"`
		Books web.Route        `web:"GET /books"`
		Show  web.SocketMethod `web:"show" method:"Books"`
		Watch web.SocketMethod `web:"watch"`
	}

	Hub web.Hub
}

type books struct {
	Titles []string       `json:"titles"`
	Counts map[string]int `json:"counts"`
	Cover  []byte         `json:"cover"`
}

func (*Shelf) Names(context.Context) ([]string, error) { return nil, nil }
func (*Shelf) Books(context.Context) (books, error)    { return books{}, nil }

func (s *Shelf) Watch(ctx context.Context, socket *web.Socket) error {
	_, err := s.Hub.Unicast(ctx, socket.ID, "books", books{})
	return err
}

// Clients receive [] and {} for nil slices and maps, so a page can iterate over them.
func TestNil(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg                 web.Config
		names, books, event string
	}{
		{web.Config{}, `[]`, `{"titles":[],"counts":{},"cover":null}`, `{"titles": [], "counts": {}, "cover": null}`},
		{web.Config{Codec: codec.NilAsNull(codec.BrowserJSON)}, `null`, `{"titles":null,"counts":null,"cover":null}`, `{"titles": null, "counts": null, "cover": null}`},
	} {
		p := start(t, test.cfg, new(Shelf))
		for path, want := range map[string]string{"/names": test.names, "/books": test.books} {
			if _, _, got := request(t, p, "GET", path, "", ""); got != want {
				t.Errorf("%s: got %s, want %s", path, got, want)
			}
		}
		conn := p.socket(t)
		if got, want := ask(t, conn, asking("show", "", "c")), `{"type": "result", "success": true, "data": `+test.event+`, "correlation_id": "c"}`; got != want {
			t.Errorf("frame: got %s, want %s", got, want)
		}
		write(t, conn, websocket.TextMessage, asking("watch", "", "c"))
		if got, want := string(readFrame(t, conn)), `{"type": "event", "event": "books", "data": `+test.event+`}`; got != want {
			t.Errorf("event: got %s, want %s", got, want)
		}
	}
}
