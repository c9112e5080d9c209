package judge

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/otel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Front calls the service in Python.
type Front struct {
	_ service.Name `service:"front"`

	Entrypoints struct {
		Order rpc.Method `rpc:"order(count)"`
	}

	Relay rpc.Client `rpc:"relay"`
}

func (f *Front) Order(ctx context.Context, count int) (left int, err error) {
	return left, f.Relay.Call(ctx, "pass_on", &left, count)
}

// Store is called by the service in Python, and handles its event.
type Store struct {
	_ service.Name `service:"store"`

	Entrypoints struct {
		Take     rpc.Method     `rpc:"take(count)"`
		OnPassed events.Handler `events:"relay.passed"`
	}

	passed chan int
}

func (*Store) Take(_ context.Context, count int) (left int, err error) { return 10 - count, nil }
func (s *Store) OnPassed(_ context.Context, left int) error            { s.passed <- left; return nil }

// A collector is the OpenTelemetry collector's receiver.
type collector struct {
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
}

// collect starts a receiver at an address, and stops it when the test ends.
func collect(t *testing.T, protocol, address string) *collector {
	t.Helper()
	c := &collector{}
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	err := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{protocol: map[string]any{"endpoint": address}}}).Unmarshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	settings := receivertest.NewNopSettings(factory.Type())
	traces, err := factory.CreateTraces(t.Context(), settings, cfg, &c.traces)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := factory.CreateMetrics(t.Context(), settings, cfg, &c.metrics)
	if err != nil {
		t.Fatal(err)
	}
	host := componenttest.NewNopHost()
	if err := traces.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	if err := metrics.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = traces.Shutdown(context.Background())
		_ = metrics.Shutdown(context.Background())
	})
	return c
}

// A span is what a trace viewer shows of a span.
type span struct{ service, name, id, parent, trace string }

// spans returns the spans received so far.
func (c *collector) spans() (all []span) {
	for _, traces := range c.traces.AllTraces() {
		for _, of := range traces.ResourceSpans().All() {
			name, _ := of.Resource().Attributes().Get("service.name")
			for _, scope := range of.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					all = append(all, newSpan(name.Str(), s))
				}
			}
		}
	}
	return all
}

func newSpan(service string, s ptrace.Span) span {
	return span{service, s.Kind().String() + " " + s.Name(), s.SpanID().String(), s.ParentSpanID().String(), s.TraceID().String()}
}

// path returns the services and names of a span and its parents, from the root.
func path(all []span, s span) string {
	own := s.service + ": " + s.name
	for _, parent := range all {
		if parent.id == s.parent {
			return path(all, parent) + " > " + own
		}
	}
	return own
}

// metricNames returns the names of the metrics received so far.
func (c *collector) metricNames() (names []string) {
	for _, metrics := range c.metrics.AllMetrics() {
		for _, of := range metrics.ResourceMetrics().All() {
			for _, scope := range of.ScopeMetrics().All() {
				for _, m := range scope.Metrics().All() {
					names = append(names, m.Name())
				}
			}
		}
	}
	return names
}

// startRelay runs the Python service until the test ends.
func startRelay(t *testing.T, uri string) {
	t.Helper()
	cmd := exec.Command(hosttest.Python(t, hosttest.Kombu5_2), "-m", "nameko", "run", "--config", "config.yaml", "relay")
	cmd.Dir, cmd.Env = "testdata", append(os.Environ(), "AMQP_URI="+uri, "PYTHONDONTWRITEBYTECODE=1")
	p := hosttest.StartProcess(t, cmd)
	t.Cleanup(p.Kill)
	p.Line("services started: ")
}

// TestOneTrace follows a call from Go to Python to Go, and an event from Python to Go. Only
// environment variables say where spans are sent, with each protocol.
func TestOneTrace(t *testing.T) {
	for exporter, receiver := range map[string]string{"grpc": "grpc", "http/protobuf": "http"} {
		t.Run(receiver, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				address := hosttest.FreeAddress(t)
				c := collect(t, receiver, address)
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+address)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", exporter)
				startRelay(t, uri)
				store := &Store{passed: make(chan int, 1)}
				there := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, store, otel.Module)
				here := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Front), otel.Module)
				var left int
				if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("front").Call(t.Context(), "order", &left, 3); err != nil || left != 7 {
					t.Fatalf("got %d, %v, want 7", left, err)
				}
				hosttest.Receive(t, "the event", store.passed)
				hosttest.Close(t, here.Stop) // flushes the last spans and metrics
				hosttest.Close(t, there.Stop)
				judge(t, c)
			})
		})
	}
}

// judge checks what the collector has received.
func judge(t *testing.T, c *collector) {
	t.Helper()
	const call = "front: Server front.order > front: Client relay.pass_on"
	want := []string{
		"front: Server front.order",
		call,
		call + " > store: Consumer process relay.passed",
		call + " > store: Server store.take",
	}
	all := c.spans()
	var got []string
	traces := map[string]bool{}
	for _, s := range all {
		got = append(got, path(all, s))
		traces[s.trace] = true
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || len(traces) != 1 {
		t.Errorf("got %d traces with the spans\n%s\nwant one with\n%s", len(traces), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	names := fmt.Sprint(c.metricNames())
	for _, name := range []string{"rpc.server.call.duration", "rpc.client.call.duration", "messaging.process.duration", "gomeko.call.wait", "gomeko.connections"} {
		if !strings.Contains(names, name) {
			t.Errorf("got the metrics %s, want %s among them", names, name)
		}
	}
}
