package otel_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/otel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Shop sells products, over RPC and HTTP.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Sell     rpc.Method `rpc:"sell(count, card)" sensitive:"card"`
		SellHTTP web.Route  `web:"POST /sold/{count}" method:"SellOne"`
	}

	Store    rpc.Client `rpc:"store"`
	Dispatch events.Dispatcher

	traces chan string // trace ids of calls
}

func (s *Shop) SellOne(ctx context.Context, count int) error { return s.Sell(ctx, count, "") }

func (s *Shop) Sell(ctx context.Context, count int, _ string) error {
	s.traces <- service.FromContext(ctx).TraceID
	if err := s.Store.Call(ctx, "take", nil, count); err != nil {
		return err
	}
	return s.Dispatch(ctx, "sold", count)
}

// Store holds the products.
type Store struct {
	_ service.Name `service:"store"`

	Entrypoints struct {
		Take   rpc.Method     `rpc:"take(count)"`
		OnSold events.Handler `events:"shop.sold"`
	}

	done chan bool
}

var errSoldOut = rpc.NewError("store.SoldOut", "sold out")

func (s *Store) Take(_ context.Context, count int) error {
	switch {
	case count > 100:
		panic("no such number")
	case count > 10:
		return errSoldOut
	}
	return nil
}

func (s *Store) OnSold(context.Context, int) error { s.done <- true; return nil }

// A tree holds the spans of one trace.
type tree []sdktrace.ReadOnlySpan

// String returns the spans, each below its parent.
func (t tree) String() string {
	var b strings.Builder
	ids := map[trace.SpanID]bool{}
	for _, s := range t {
		ids[s.SpanContext().SpanID()] = true
	}
	var write func(parent sdktrace.ReadOnlySpan, indent string)
	write = func(parent sdktrace.ReadOnlySpan, indent string) {
		var lines []sdktrace.ReadOnlySpan
		for _, s := range t {
			if parent == nil && !ids[s.Parent().SpanID()] || parent != nil && s.Parent().SpanID() == parent.SpanContext().SpanID() {
				lines = append(lines, s)
			}
		}
		slices.SortFunc(lines, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
		for _, s := range lines {
			fmt.Fprintf(&b, "%s%s %s", indent, s.SpanKind(), s.Name())
			for _, a := range s.Attributes() {
				if a.Key == "error.type" {
					fmt.Fprintf(&b, " (%s)", a.Value.AsString())
				}
			}
			if s.Status().Code == codes.Error {
				b.WriteString(" ERROR")
			}
			b.WriteString("\n")
			write(s, indent+"  ")
		}
	}
	write(nil, "")
	return b.String()
}

// A program hosts services with an observer that keeps their spans.
type program struct {
	*hosttest.Host
	spans *tracetest.SpanRecorder
	shop  *Shop
	store *Store
	url   string
	call  rpc.Client // of shop
}

func start(t *testing.T, uri string) *program {
	t.Helper()
	var port hosttest.Port
	p := &program{
		spans: tracetest.NewSpanRecorder(),
		shop:  &Shop{traces: make(chan string, 10)},
		store: &Store{done: make(chan bool, 10)},
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p.spans))
	o, err := otel.NewObserver(otel.Config{Tracer: func(string) trace.TracerProvider { return provider }})
	if err != nil {
		t.Fatal(err)
	}
	p.Host = hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, p.shop, p.store,
		service.Configure(o), service.Configure(web.Config{Listen: port.Listen}))
	p.url = "http://" + port.Address()
	p.call = hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("shop")
	return p
}

// ended waits for n spans.
func (p *program) ended(t *testing.T, n int) tree {
	t.Helper()
	hosttest.Eventually(t, fmt.Sprintf("%d spans", n), func() bool { return len(p.spans.Ended()) >= n })
	return p.spans.Ended()
}

const sold = `server shop.sell
  client store.take
    server store.take
  producer send shop.events
    consumer process shop.sold
`

// TestTrace follows a call from its caller to the last handler.
func TestTrace(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := start(t, uri)
		if err := p.call.Call(t.Context(), "sell", nil, 1, "4111"); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the event", p.store.done)
		all := p.ended(t, 5)
		if got := all.String(); got != sold {
			t.Errorf("got the spans\n%s\nwant\n%s", got, sold)
		}
		id := <-p.shop.traces
		for _, s := range all {
			if got := s.SpanContext().TraceID().String(); got != id {
				t.Errorf("%s is of the trace %s, want %s", s.Name(), got, id)
			}
		}
		p.Log.Wait(t, 3, "trace_id="+id)
	})
}

// TestTraceOfRequest continues the trace of an HTTP request, and of a message sent by Nameko or by
// gomeko.
func TestTraceOfRequest(t *testing.T) {
	t.Parallel()
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const ours = "00-" + id + "-" + parent + "-01"
	p := start(t, brokertest.Embedded(t))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/sold/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Traceparent", ours)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	hosttest.Receive(t, "the event", p.store.done)
	if got, want := p.ended(t, 5).String(), strings.Replace(sold, "server shop.sell", "server POST /sold/{count}", 1); got != want {
		t.Errorf("got the spans\n%s\nwant\n%s", got, want)
	}
	for name, headers := range map[string]transport.Table{
		"a peer":       {"traceparent": ours},
		"Nameko":       {"nameko.traceparent": ours},
		"both of them": {"traceparent": ours, "nameko.traceparent": "00-11111111111111111111111111111111-1111111111111111-01"},
	} {
		before := len(p.spans.Ended())
		if err := p.call.Call(rpc.With(t.Context(), rpc.Headers(headers)), "sell", nil, 1, ""); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the event", p.store.done)
		for _, s := range p.ended(t, before+5)[before:] {
			if s.SpanContext().TraceID().String() != id || s.Name() == "shop.sell" && s.Parent().SpanID().String() != parent {
				t.Errorf("%s: %s is of the trace %s, want %s", name, s.Name(), s.SpanContext().TraceID(), id)
			}
		}
	}
}

// TestErrors records how calls fail, without sensitive arguments.
func TestErrors(t *testing.T) {
	t.Parallel()
	p := start(t, brokertest.Embedded(t))
	for _, tc := range []struct {
		args []any
		want string
	}{
		{[]any{11, ""}, `server shop.sell (SoldOut)
  client store.take (SoldOut) ERROR
    server store.take (SoldOut)
`},
		{[]any{101, ""}, `server shop.sell (RuntimeError) ERROR
  client store.take (RuntimeError) ERROR
    server store.take (*service.PanicError) ERROR
`},
		{[]any{"one", "4111-1111"}, "server shop.sell (*signature.Error)\n"},
		{[]any{1, map[string]any{"number": "4111-1111"}}, "server shop.sell (*signature.Error)\n"},
	} {
		before := len(p.spans.Ended())
		if err := p.call.Call(t.Context(), "sell", nil, tc.args...); err == nil {
			t.Fatalf("sell%v succeeded", tc.args)
		}
		all := p.ended(t, before+strings.Count(tc.want, "\n"))[before:]
		if got := all.String(); got != tc.want {
			t.Errorf("sell%v: got the spans\n%s\nwant\n%s", tc.args, got, tc.want)
		}
		for _, s := range all {
			if text := fmt.Sprint(s.Attributes(), s.Events(), s.Status()); strings.Contains(text, "4111") {
				t.Errorf("%s has a sensitive argument: %s", s.Name(), text)
			}
			for _, e := range s.Events() {
				if text := fmt.Sprint(e.Attributes); s.Name() == "store.take" && s.SpanKind() == trace.SpanKindServer && !strings.Contains(text, "observer_test.go") {
					t.Errorf("the panic has no stack: %s", text)
				}
			}
		}
	}
}

// TestWait makes a call wait for a worker. The wait is a separate span.
func TestWait(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	o, err := otel.NewObserver(otel.Config{Tracer: func(string) trace.TracerProvider { return provider }})
	if err != nil {
		t.Fatal(err)
	}
	desk := &Desk{begun: make(chan bool), next: make(chan bool)}
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, desk, service.Configure(o))
	client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("desk")
	first := client.Go(t.Context(), "serve")
	<-desk.begun
	second := client.Go(t.Context(), "serve")
	hosttest.Eventually(t, "the second call waits", func() bool { return len(spans.Started()) == 2 })
	desk.next <- true
	<-desk.begun
	desk.next <- true
	for _, r := range []*rpc.Reply{first, second} {
		if err := r.Result(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	hosttest.Eventually(t, "3 spans", func() bool { return len(spans.Ended()) == 3 })
	want := "server desk.serve\nserver desk.serve\n  internal wait for a worker\n"
	if got := tree(spans.Ended()).String(); got != want {
		t.Errorf("got the spans\n%s\nwant\n%s", got, want)
	}
}

// Desk has one worker.
type Desk struct {
	_ service.Name `service:"desk"`

	Entrypoints struct {
		Serve rpc.Method `rpc:"serve" max_workers:"1"`
	}

	begun, next chan bool
}

func (d *Desk) Serve(context.Context) error {
	d.begun <- true
	<-d.next
	return nil
}

// TestMetrics reads the metrics of a few calls.
func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	o, err := otel.NewObserver(otel.Config{Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	if err != nil {
		t.Fatal(err)
	}
	shop, store := &Shop{traces: make(chan string, 10)}, &Store{done: make(chan bool, 10)}
	uri := brokertest.Embedded(t)
	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, shop, store, service.Configure(o), service.Configure(web.Config{Listen: new(hosttest.Port).Listen}))
	client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("shop")
	if err := client.Call(t.Context(), "sell", nil, 1, ""); err != nil {
		t.Fatal(err)
	}
	hosttest.Receive(t, "the event", store.done)
	if err := client.Call(t.Context(), "sell", nil, 11, ""); err == nil {
		t.Fatal("11 were sold")
	}
	h.Host().Observers().Parked(t.Context(), service.Failure{Entry: h.Host().Rows()[0]})
	h.Host().Observers().SocketOpened(service.ObservedSocket{})
	want := map[string]string{
		"gomeko.sockets":                      " 1",
		"rpc.server.call.duration":            "rpc.method=shop.sell,rpc.system.name=nameko 1",
		"rpc.client.call.duration":            "error.type=expected,rpc.method=store.take,rpc.system.name=nameko 1",
		"messaging.client.operation.duration": "messaging.destination.name=shop.events,messaging.operation.name=send,messaging.operation.type=send,messaging.system=rabbitmq 1",
		"messaging.process.duration":          "messaging.destination.name=shop.sold,messaging.operation.name=process,messaging.operation.type=process,messaging.system=rabbitmq 1",
		"gomeko.call.wait":                    "gomeko.kind=rpc,gomeko.method=sell,gomeko.service=shop 2",
		"gomeko.messages.parked":              "gomeko.kind=rpc,gomeko.method=sell,gomeko.service=shop 1",
		"gomeko.connections":                  "gomeko.purpose=rpc and publishing 1",
	}
	hosttest.Eventually(t, "the metrics", func() bool {
		got := collect(t, reader)
		for name, line := range want {
			if !strings.Contains(got, name+" "+line+"\n") {
				t.Logf("missing: %s %s in\n%s", name, line, got)
				return false
			}
		}
		return true
	})
}

// collect returns a line for each series: name, attributes and count.
func collect(t *testing.T, reader sdkmetric.Reader) string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(&b, "%s %s %d\n", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Count)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					fmt.Fprintf(&b, "%s %s %d\n", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value)
				}
			}
		}
	}
	return b.String()
}
