package web_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Seen is a service with a route and a socket method.
type Seen struct {
	_ service.Name `service:"seen"`

	Entrypoints struct {
		Add       web.Route        `web:"GET /add/{n}"`
		AddSocket web.SocketMethod `web:"add(n)" method:"Add"`
	}
}

func (*Seen) Add(_ context.Context, n int) (int, error) { return n + 1, nil }

// TestObserver observes routes, with the headers of their requests, and websockets.
func TestObserver(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	p := start(t, web.Config{}, new(Seen), service.Configure(service.Observer{
		CallEnded: func(_ context.Context, c service.ObservedCall) {
			name := ""
			if c.Header != nil {
				name = c.Header.Get("traceparent")
			}
			told <- fmt.Sprintf("%s %s %q", c.Entry.Kind(), c.Outcome, name)
		},
		SocketOpened: func(s service.ObservedSocket) { told <- fmt.Sprintf("opened %d", len(s.ID)) },
		SocketClosed: func(s service.ObservedSocket) { told <- fmt.Sprintf("closed %d", len(s.ID)) },
	}))
	for _, path := range []string{"/add/1", "/add/one"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-1")
		answer, err := p.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	conn := p.socket(t)
	ask(t, conn, `{"method": "add", "data": {"n": 1}}`)
	conn.Close()
	var got []string
	want := []string{`web ok "00-1"`, `web rejected "00-1"`, "opened 36", `socket ok ""`, "closed 36"}
	for range want {
		got = append(got, hosttest.Receive(t, "what is observed", told))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
