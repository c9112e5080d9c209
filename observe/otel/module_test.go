package otel_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/otel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A collector records the paths to which something is sent.
type collector struct {
	mu    sync.Mutex
	paths map[string]bool
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths[r.URL.Path] = true
}

// received returns the paths.
func (c *collector) received() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(c.paths)), " ")
}

// unset removes variables that the environment of the tests may contain.
func unset(t *testing.T) {
	t.Helper()
	for _, name := range []string{"SDK_DISABLED", "TRACES_EXPORTER", "METRICS_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "EXPORTER_OTLP_TRACES_ENDPOINT", "EXPORTER_OTLP_METRICS_ENDPOINT", "EXPORTER_OTLP_PROTOCOL", "PROPAGATORS", "TRACES_SAMPLER"} {
		t.Setenv("OTEL_"+name, "") // restores it
		os.Unsetenv("OTEL_" + name)
	}
}

// Till calls Store.
type Till struct {
	_ service.Name `service:"till"`

	Entrypoints struct {
		Pay rpc.Method `rpc:"pay(count)"`
	}

	Store rpc.Client `rpc:"store"`
}

func (c *Till) Pay(ctx context.Context, count int) error {
	return c.Store.Call(ctx, "take", nil, count)
}

// TestEnvironment checks what the module sends, and whether messages carry a header.
func TestEnvironment(t *testing.T) {
	const both = "/v1/metrics /v1/traces"
	for name, tc := range map[string]struct {
		env    map[string]string // COLLECTOR in a value is the address
		sent   string
		header bool
	}{
		"nothing":           {},
		"an endpoint":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "COLLECTOR"}, both, true},
		"traces":            {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "COLLECTOR/v1/traces"}, "/v1/traces", true},
		"metrics":           {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "COLLECTOR/v1/metrics"}, "/v1/metrics", false},
		"no traces":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "COLLECTOR", "OTEL_TRACES_EXPORTER": "none"}, "/v1/metrics", false},
		"no metrics":        {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "COLLECTOR", "OTEL_METRICS_EXPORTER": "none"}, "/v1/traces", true},
		"disabled":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "COLLECTOR", "OTEL_SDK_DISABLED": "true"}, "", false},
		"nothing is traced": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "COLLECTOR/v1/traces", "OTEL_TRACES_SAMPLER": "always_off"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &collector{paths: map[string]bool{}}
			server := httptest.NewServer(c)
			t.Cleanup(server.Close)
			unset(t)
			for variable, value := range tc.env {
				t.Setenv(variable, strings.ReplaceAll(value, "COLLECTOR", server.URL))
			}
			uri := brokertest.Embedded(t)
			store := new(Store)
			headers := make(chan string, 1)
			hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, store, service.Configure(service.Observer{
				CallBegan: func(ctx context.Context, c service.ObservedCall) context.Context {
					headers <- c.Header.Get("traceparent")
					return ctx
				},
			}))
			here := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Till), otel.Module)
			if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("till").Call(t.Context(), "pay", nil, 1); err != nil {
				t.Fatal(err)
			}
			if got := hosttest.Receive(t, "the call", headers) != ""; got != tc.header {
				t.Errorf("got %t for whether the request has the header traceparent, want %t", got, tc.header)
			}
			hosttest.Close(t, here.Stop) // flushes the last spans and metrics
			if got := c.received(); got != tc.sent {
				t.Errorf("sent to %q, want %q", got, tc.sent)
			}
		})
	}
}

// TestMistakes sets variables that the SDK rejects.
func TestMistakes(t *testing.T) {
	for signal, variable := range map[string]string{"traces": "OTEL_TRACES_EXPORTER", "metrics": "OTEL_METRICS_EXPORTER"} {
		t.Run(signal, func(t *testing.T) {
			unset(t)
			t.Setenv(variable, "carrier-pigeon")
			_, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: "amqp://localhost"}}, new(Till), otel.Module)
			if err == nil || !strings.Contains(err.Error(), "otel: "+signal+": ") || !strings.Contains(err.Error(), variable+`="carrier-pigeon"`) {
				t.Errorf("got %v, want that %s is wrong", err, signal)
			}
		})
	}
}
