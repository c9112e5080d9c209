package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Till is a service with a dependency.
type Till struct {
	_ service.Name `service:"till"`

	Bank *hosttest.Dependency

	Entrypoints struct {
		Pay web.Route        `web:"GET /pay"`
		Sum web.SocketMethod `web:"sum"`
	}
}

func (*Till) Pay(context.Context) (string, error) { return "paid", nil }
func (*Till) Sum(context.Context) (int, error)    { return 7, nil }

// A failing dependency makes the process unready, with a text that contains no addresses, but
// leaves it live. With PauseUnhealthy its service rejects requests.
func TestUnhealthy(t *testing.T) {
	t.Parallel()
	bank := new(hosttest.Dependency)
	p := startConfigured(t, service.Config{PauseUnhealthy: true, HealthInterval: 20 * time.Millisecond},
		web.Config{ReadyPath: "/ready", LivePath: "/live"}, &Till{Bank: bank})
	expect := func(path, accept string, status int, kind, prefix string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		got, header, text := do(t, p, r)
		if got != status || header.Get("Content-Type") != kind || !strings.HasPrefix(text, prefix) || strings.Contains(text, "10.9.8.7") {
			t.Errorf("%s as %s: got %d %s %q, want %d %s %q", path, accept, got, header.Get("Content-Type"), text, status, kind, prefix)
		}
		if refused := strings.HasPrefix(path, "/pay") && status == 503; (header.Get("Retry-After") != "") != refused {
			t.Errorf("%s: got Retry-After %q", path, header.Get("Retry-After"))
		}
	}
	const plain, json, problem = "text/plain; charset=utf-8", "application/json", "application/problem+json"
	expect("/live", "*/*", 200, plain, "live\n")
	expect("/ready", "*/*", 200, plain, "ready\n")
	expect("/ready", json, 200, json, `{"status":"ready"}`)
	bank.Set(errors.New("dial 10.9.8.7: connection refused"))
	hosttest.Eventually(t, "it fails", func() bool { return p.Host.Host().Health()[0].Failing })
	expect("/live", "*/*", 200, plain, "live\n")
	expect("/live", json, 200, json, `{"status":"live"}`)
	expect("/ready", "*/*", 503, plain, "hosttest.Dependency has been failing for ")
	expect("/ready", json, 503, problem, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"hosttest.Dependency has been failing for `)
	expect("/pay", "text/plain", 503, plain, "Error: Unavailable: service till is unavailable: hosttest.Dependency is failing\n")
	if got := ask(t, p.socket(t), `{"method": "sum", "data": {}, "correlation_id": "a"}`); !strings.Contains(got, "gomeko.web.Unavailable") {
		t.Errorf("got %s, want Unavailable", got)
	}
	bank.Set(nil)
	hosttest.Eventually(t, "it works again", func() bool { return !p.Host.Host().Health()[0].Failing })
	expect("/ready", "*/*", 200, plain, "ready\n")
	expect("/pay", "text/plain", 200, plain, "paid")
}

// The paths of the two checks must differ.
func TestSamePath(t *testing.T) {
	t.Parallel()
	err := web.Config{LivePath: "/health", ReadyPath: "/health"}.Validate()
	if err == nil || !strings.Contains(err.Error(), "LivePath and ReadyPath are both /health") {
		t.Errorf("got %v, want that the paths are the same", err)
	}
}
