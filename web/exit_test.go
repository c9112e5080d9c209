package web_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Leaver ends its goroutine in every place where it can.
type Leaver struct {
	_ service.Name `service:"leaver"`

	Entrypoints struct {
		Run    web.Route        `web:"GET /run"`
		Encode web.Route        `web:"GET /encode"`
		Frame  web.SocketMethod `web:"frame" method:"Encode"`
		Socket web.SocketMethod `web:"run" method:"Run"`
	}

	Files web.Mount `web:"/mount"`
}

// A leave is a result that ends the goroutine that encodes it.
type leave struct{}

func (leave) MarshalJSON() ([]byte, error) { runtime.Goexit(); return nil, nil }

func (*Leaver) Run(context.Context) error             { runtime.Goexit(); return nil }
func (*Leaver) Encode(context.Context) (leave, error) { return leave{}, nil }

// A request whose handler ends its goroutine is answered and logged, and the next one is served.
func TestExit(t *testing.T) {
	t.Parallel()
	exits := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	hooks := web.Hooks{Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/middleware" {
				runtime.Goexit()
			}
			next.ServeHTTP(w, r)
		})
	}}}
	p := startConfigured(t, service.Config{MaxWorkers: 1}, web.Config{}, &Leaver{Files: web.Mount{Handler: exits}}, service.Configure(hooks))
	for range 2 {
		for _, path := range []string{"/run", "/encode", "/mount", "/middleware"} {
			response, err := p.client.Get(p.url + path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusInternalServerError || err != nil || !strings.Contains(string(body), "call ") {
				t.Errorf("%s: got %d, %q, %v, want 500 and the id of the call", path, response.StatusCode, body, err)
			}
		}
	}
	p.Log.Wait(t, 2, "level=ERROR", "call failed", "Goexit")
	p.Log.Wait(t, 6, "level=ERROR", "request failed", "Goexit")
	conn := p.socket(t)
	for _, method := range []string{"run", "frame", "run"} {
		if got := ask(t, conn, `{"method": "`+method+`", "correlation_id": 7}`); !strings.Contains(got, `"success": false`) || !strings.Contains(got, "7") {
			t.Errorf("%s: got %s, want an error", method, got)
		}
	}
}
