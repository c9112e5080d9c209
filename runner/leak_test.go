//go:build unix

package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/observe/otel"
	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// planted is the prefix of all secrets in this test.
const planted = "planted-"

// Vault has secrets in sensitive arguments, in their defaults, and in the errors that it returns.
type Vault struct {
	_ service.Name `service:"vault"`

	Entrypoints struct {
		Open   rpc.Method         `rpc:"open(user, password='planted-default')" sensitive:"password"`
		Unlock rpc.Method         `rpc:"unlock"`
		Hold   rpc.Method         `rpc:"hold(password)" sensitive:"password"`
		Relay  rpc.Method         `rpc:"relay(password)" sensitive:"password"`
		Store  messaging.Consumer `messaging:"vault.store" retry:"1s"`
		Show   web.Route          `web:"GET /vault/{password}" sensitive:"password"`
	}

	Self rpc.Client `rpc:"vault"`

	held, release chan struct{}
}

type key struct {
	Name string `json:"name" doc:"Whose key."`
	Code string `json:"code" default:"'planted-member'" sensitive:"true"`
}

var errRefused = rpc.NewError("vault.Refused", "%s is refused")

func (*Vault) Open(_ context.Context, _, password string) (string, error) {
	if password == planted+"panic" {
		panic(password)
	}
	return "", errRefused.With(password)
}

func (*Vault) Unlock(_ context.Context, k key) error { return errors.New(k.Code) }

func (v *Vault) Relay(ctx context.Context, password string) error {
	return v.Self.Call(ctx, "open", nil, "julio", password)
}

func (v *Vault) Hold(context.Context, string) error {
	v.held <- struct{}{}
	<-v.release
	return nil
}

func (*Vault) Store(_ context.Context, k key) error {
	return service.Park(fmt.Errorf("%s: %w", k.Name, errRefused.With(k.Code)))
}

func (*Vault) Show(_ context.Context, password string) error { return errRefused.With(password) }

func (*Vault) Docs() service.Docs {
	return service.Docs{Rows: map[string]service.RowDocs{"Open": {Errors: []error{errRefused}}}, Events: map[string]any{"opened": key{}}}
}

// TestLeaks plants secrets in arguments, defaults, errors and the configuration, and looks for them
// in everything that a process shows. Only the log may contain the texts of a method's own errors.
func TestLeaks(t *testing.T) {
	b := broker.New(broker.Config{Users: map[string]string{"vault": planted + "broker"}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, b.Close) })
	uri := "amqp://vault:" + planted + "broker@" + address.String() + "/"
	cfg, err := config.Parse([]byte("vault:\n  password: "+planted+"configured\n"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	var port hosttest.Port
	traces := newRecorder()
	v := &Vault{held: make(chan struct{}), release: make(chan struct{})}
	host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, v, cfg.Module(),
		service.Configure(fleet.Control(fleet.ControlConfig{Access: fleet.AccessFull})),
		service.Defaults(web.Config{Listen: port.Listen}),
		service.Configure(traces.observer(t)),
		prometheus.Module(prometheus.Config{Path: "/metrics"}),
		statsd.Module(statsd.Config{Address: sink.LocalAddr().String(), Flush: time.Millisecond}),
	)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	url := "http://" + port.Address()
	v.fail(t, uri, conn, url)
	host.Log.Wait(t, 2, "message parked")

	shown := map[string]string{}
	for _, verb := range []string{"ping", "info", "describe", "stats", "health", "dump"} {
		shown[verb] = asked(t, conn, verb)
	}
	close(v.release)
	documents, err := fleet.Describe(t.Context(), conn, "vault", 0)
	if err != nil {
		t.Fatal(err)
	}
	shown["description"] = printed(t, documents[0].Print)
	shown["metrics"] = fetched(t, url+"/metrics")
	shown["statsd"] = packets(t, sink)
	shown["traces"], shown["measurements"] = traces.text(t), traces.measured(t)
	for _, args := range [][]string{{}, {"ls", "vault.store"}, {"ls", "vault.store", "--json"}, {"show", "vault.store"}} {
		shown["dead "+strings.Join(args, " ")] = dead(t, uri, args...)
	}
	for name, text := range shown {
		if !strings.Contains(text, "vault") && !strings.Contains(text, "Refused") {
			t.Errorf("%s: got %q, want something about the service", name, text)
		}
		for at := range strings.Lines(text) {
			if strings.Contains(at, planted) {
				t.Errorf("%s has a secret: %s", name, at)
			}
		}
	}
	for _, secret := range []string{planted + "broker", planted + "configured", planted + "held", planted + "list"} {
		if strings.Contains(host.Log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// fail makes calls that fail with secrets. One of them is still running afterwards.
func (v *Vault) fail(t *testing.T, uri string, conn *transport.Conn, url string) {
	t.Helper()
	caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("vault")
	for _, call := range []struct {
		method string
		args   []any
	}{
		{"open", []any{"julio", planted + "argument"}},
		{"open", []any{"julio", planted + "panic"}},
		{"open", []any{"julio"}},
		{"open", []any{"julio", []string{planted + "list"}}},
		{"open", []any{planted + "more", planted + "than", planted + "two"}},
		{"relay", []any{planted + "relayed"}},
		{"unlock", []any{rpc.Kwargs{"name", "julio", "code", planted + "code"}}},
		{"unlock", []any{rpc.Kwargs{"name", "julio"}}},
		{"unlock", []any{rpc.Kwargs{"name", "julio", planted + "name", 1}}},
	} {
		if err := caller.Call(t.Context(), call.method, nil, call.args...); err == nil {
			t.Errorf("%v: got no error", call)
		}
	}
	caller.Go(t.Context(), "hold", planted+"held")
	<-v.held
	for _, body := range []string{`{"name": "julio", "code": "planted-body"}`, `{"name": 7, "code": "planted-unread"}`} {
		if err := conn.Publish(t.Context(), transport.Publishing{Key: "vault.store", Body: []byte(body), Properties: transport.Properties{
			ContentType: "application/json", Headers: transport.Table{"token": planted + "header"},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	fetched(t, url+"/vault/"+planted+"path")
}

// asked returns the answers of all processes to a verb.
func asked(t *testing.T, conn *transport.Conn, verb string) string {
	t.Helper()
	answers, err := fleet.Survey(t.Context(), conn, fleet.Question{Verb: verb, Service: "vault"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A recorder keeps what OpenTelemetry exports.
type recorder struct {
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
}

func newRecorder() *recorder {
	return &recorder{tracetest.NewSpanRecorder(), metric.NewManualReader()}
}

func (r *recorder) observer(t *testing.T) service.Observer {
	t.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	o, err := otel.NewObserver(otel.Config{
		Tracer: func(string) trace.TracerProvider { return provider },
		Meter:  metric.NewMeterProvider(metric.WithReader(r.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// text returns all spans.
func (r *recorder) text(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(tracetest.SpanStubsFromReadOnlySpans(r.spans.Ended()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *recorder) measured(t *testing.T) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dead returns what a command about parked messages prints.
func dead(t *testing.T, uri string, args ...string) string {
	t.Helper()
	var out output
	var results strings.Builder
	c := &command{in: os.Stdin, out: &results, err: &out}
	if status := c.execute(c.gomeko(), append([]string{"dead", "--broker", uri}, args...)); status != 0 {
		t.Errorf("dead %v: got %d\n%s", args, status, &out)
	}
	return results.String() + out.String()
}

// printed returns what a function prints.
func printed(t *testing.T, fn func(io.Writer) error) string {
	t.Helper()
	var text bytes.Buffer
	if err := fn(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// fetched returns the body of a response.
func fetched(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// packets returns the metrics that were sent, up to those of the last call.
func packets(t *testing.T, sink net.PacketConn) string {
	t.Helper()
	var all strings.Builder
	packet := make([]byte, 1<<16)
	for !strings.Contains(all.String(), "vault.hold") {
		if err := sink.SetReadDeadline(time.Now().Add(hosttest.Timeout)); err != nil {
			t.Fatal(err)
		}
		n, _, err := sink.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(packet[:n])
		all.WriteByte('\n')
	}
	return all.String()
}
