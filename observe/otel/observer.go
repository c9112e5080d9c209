package otel

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// scope is the instrumentation scope of all spans and metrics.
const scope = "github.com/gomeko/gomeko/observe/otel"

// A Config configures an observer. [Module] creates one from the environment; create one yourself
// to use your own providers.
type Config struct {
	// Tracer returns the provider for the spans of a service; "" stands for messages sent outside
	// calls. If Tracer is nil, no spans are made.
	Tracer func(service string) trace.TracerProvider

	// Meter is the provider for metrics. If it is nil, no metrics are recorded.
	Meter metric.MeterProvider

	// Propagator reads and writes the headers of messages. The default is W3C Trace Context:
	// traceparent and tracestate.
	Propagator propagation.TextMapPropagator
}

// NewObserver returns an observer that records calls and messages as spans and metrics. Pass it to
// [service.Configure].
func NewObserver(cfg Config) (service.Observer, error) {
	if cfg.Meter == nil {
		cfg.Meter = metricnoop.NewMeterProvider()
	}
	m, err := newMetrics(cfg.Meter.Meter(scope))
	if err != nil {
		return service.Observer{}, err
	}
	o := &observer{metrics: m, traced: cfg.Tracer != nil, tracers: map[string]trace.Tracer{}, provider: cfg.Tracer}
	o.propagator = cfg.Propagator
	if o.propagator == nil {
		o.propagator = propagation.TraceContext{}
	}
	o.fields = o.propagator.Fields()
	if !o.traced {
		o.provider = func(string) trace.TracerProvider { return tracenoop.NewTracerProvider() }
	}
	o.tracers[""] = o.provider("").Tracer(scope)
	return service.Observer{
		Bound:        o.bound,
		CallBegan:    o.callBegan,
		CallStarted:  o.callStarted,
		CallEnded:    o.callEnded,
		SendBegan:    o.sendBegan,
		SendEnded:    o.sendEnded,
		Retried:      m.retriedMessage,
		Parked:       m.parkedMessage,
		Dropped:      m.droppedMessage,
		Connected:    m.connected,
		Disconnected: m.disconnected,
		SocketOpened: m.socketOpened,
		SocketClosed: m.socketClosed,
		TicksMissed:  m.ticksMissed,
	}, nil
}

// An observer makes spans, and passes everything on to its metrics.
type observer struct {
	*metrics

	traced     bool
	provider   func(service string) trace.TracerProvider
	tracers    map[string]trace.Tracer // by service; complete when New returns
	propagator propagation.TextMapPropagator
	fields     []string
}

// bound creates a tracer for each service.
func (o *observer) bound(h *service.Host) {
	for _, name := range h.Names() {
		o.tracers[name] = o.provider(name).Tracer(scope)
	}
	o.metrics.bound(h)
}

// tracer returns the tracer of a service.
func (o *observer) tracer(service string) trace.Tracer {
	if t := o.tracers[service]; t != nil {
		return t
	}
	return o.tracers[""]
}

func (o *observer) callBegan(ctx context.Context, c service.ObservedCall) context.Context {
	if !o.traced {
		return ctx
	}
	if c.Header != nil {
		ctx = o.propagator.Extract(ctx, reader{c.Header})
	}
	name, kind := spanOf(c.Entry)
	ctx, span := o.tracer(c.Service).Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(c.Began))
	if id := span.SpanContext().TraceID(); id.IsValid() {
		c.TraceID = id.String()
	}
	if span.IsRecording() {
		span.SetAttributes(attributesOf(c.Entry)...)
		span.SetAttributes(callAttributes(c)...)
	}
	return ctx
}

func (o *observer) callStarted(ctx context.Context, c service.ObservedCall) { o.waited(ctx, c) }

// waited records a span for the wait for a worker.
func (o *observer) waited(ctx context.Context, c service.ObservedCall) {
	o.metrics.waited(ctx, c)
	if c.Waited > 0 && o.traced {
		_, span := o.tracer(c.Service).Start(ctx, "wait for a worker", trace.WithTimestamp(c.Began))
		span.End(trace.WithTimestamp(c.Began.Add(c.Waited)))
	}
}

func (o *observer) callEnded(ctx context.Context, c service.ObservedCall) {
	if !c.Started {
		o.waited(ctx, c)
	}
	o.metrics.called(ctx, c)
	if !o.traced {
		return
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() && c.Err != nil {
		recordOutcome(span, c)
	}
	span.End()
}

func (o *observer) sendBegan(ctx context.Context, m service.Message) context.Context {
	if !o.traced {
		return ctx
	}
	var from string
	if call := service.FromContext(ctx); call != nil {
		from = call.Service
	}
	name, kind := spanOfMessage(m)
	ctx, span := o.tracer(from).Start(ctx, name, trace.WithSpanKind(kind))
	if span.IsRecording() {
		span.SetAttributes(messageAttributes(m)...)
	}
	for _, field := range o.fields { // left from an earlier trace, passed on by Nameko or a service without traces
		delete(m.Headers, "nameko."+field)
	}
	o.propagator.Inject(ctx, writer(m.Headers))
	return ctx
}

func (o *observer) sendEnded(ctx context.Context, m service.Message, took time.Duration, err error) {
	o.metrics.sent(ctx, m, took, err)
	if !o.traced {
		return
	}
	span := trace.SpanFromContext(ctx)
	if err != nil && span.IsRecording() {
		text := ""
		if remote := (*rpcerror.Error)(nil); errors.As(err, &remote) && remote.Remote() {
			text = typeOf(err) // only the called service knows whether the text quotes a sensitive argument
		}
		recordError(span, err, text)
	}
	span.End()
}

// A reader reads the headers of a call. It implements [propagation.TextMapCarrier].
type reader struct{ header service.Header }

func (r reader) Get(key string) string { return r.header.Get(key) }
func (r reader) Set(string, string)    {}
func (r reader) Keys() []string        { return nil }

// A writer writes the headers of a message. It implements [propagation.TextMapCarrier].
type writer map[string]any

func (w writer) Get(key string) string {
	text, _ := w[key].(string)
	return text
}
func (w writer) Set(key, value string) { w[key] = value }
func (w writer) Keys() []string        { return nil }

// errorType returns the value of error.type for an outcome.
func errorType(o service.Outcome) attribute.KeyValue {
	return attribute.String("error.type", cmp.Or(o.String(), "fault"))
}
