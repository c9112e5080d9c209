package httpqueue_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/web"
)

// A request passes through the queue to the handler, and the answer returns to the client.
func TestFront(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Seen", r.RemoteAddr)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, "%s %s %q", r.Method, r.RequestURI, body)
		}))
		url := front(t, uri, web.Config{})
		r, err := client(t).Post(url+"/a%2Fb?c=d", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := read(t, r), `POST /a%2Fb?c=d "hello"`; r.StatusCode != http.StatusCreated || got != want {
			t.Errorf("got %d %s, want 201 %s", r.StatusCode, got, want)
		}
	})
}

// A request to a backend that no process serves is answered at once.
func TestNoBackend(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		url := front(t, uri, web.Config{})
		for range 2 {
			r, err := client(t).Get(url + "/")
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, r); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, `"NoBackend"`) || r.Header.Get("Retry-After") == "" {
				t.Errorf("got %d %s, want 503", r.StatusCode, got)
			}
			brokertest.Channel(t, uri).QueueDeclare("gomeko.http.shop", true, false, false, false, nil) // declared by a process that is gone
		}
	})
}
