package otel

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/service"
)

// flushLimit limits how long sending the last spans and metrics may take.
const flushLimit = 5 * time.Second

// telemetry is the SDK of a container, with its exporters. The container stops it after the last
// call.
type telemetry struct {
	log        *slog.Logger
	observed   bool // the container has the observer
	propagator propagation.TextMapPropagator
	spans      sdktrace.SpanProcessor              // nil without traces
	tracers    map[string]*sdktrace.TracerProvider // by service; "" is for the process
	meter      *sdkmetric.MeterProvider            // nil without metrics
}

// trace creates a provider for each service and one for the process. They share the exporter.
func (t *telemetry) trace(ctx context.Context, h *service.Host) error {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return err
	}
	t.spans, t.tracers = sdktrace.NewBatchSpanProcessor(exporter), map[string]*sdktrace.TracerProvider{}
	for _, name := range append(h.Names(), "") {
		of, err := resourceOf(ctx, h, cmp.Or(name, processName(h)))
		if err != nil {
			return err
		}
		t.tracers[name] = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(t.spans), sdktrace.WithResource(of))
	}
	return nil
}

// provider returns the provider of a service.
func (t *telemetry) provider(name string) trace.TracerProvider {
	if p := t.tracers[name]; p != nil {
		return p
	}
	return t.tracers[""]
}

// measure creates the provider of metrics.
func (t *telemetry) measure(ctx context.Context, h *service.Host) error {
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return err
	}
	of, err := resourceOf(ctx, h, processName(h))
	if err != nil {
		return err
	}
	t.meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(of))
	return nil
}

// setGlobals sets OpenTelemetry's globals, for libraries that use them.
func (t *telemetry) setGlobals() {
	otel.SetTextMapPropagator(t.propagator)
	if t.tracers != nil {
		otel.SetTracerProvider(t.tracers[""])
	}
	if t.meter != nil {
		otel.SetMeterProvider(t.meter)
	}
	log := t.log
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("spans or metrics not sent", "err", clip.Error(err))
	}))
}

// processName is the service.name of spans and metrics that belong to no single service: orders, or
// orders+users.
func processName(h *service.Host) string { return strings.Join(h.Names(), "+") }

// resourceOf returns the resource that identifies where spans and metrics come from.
// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
func resourceOf(ctx context.Context, h *service.Host, name string) (*resource.Resource, error) {
	host, _ := os.Hostname()
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(name), semconv.ServiceInstanceID(h.Instance()), semconv.HostName(host), semconv.ProcessPID(os.Getpid())),
		resource.WithFromEnv(),
	)
}

// Start does nothing, because the SDK is already running.
func (t *telemetry) Start(context.Context) error { return nil }

// Stop flushes. It logs an error but does not return it, because no service depends on the result.
func (t *telemetry) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	if err := t.shutDown(ctx); err != nil {
		t.log.Warn("the last spans or metrics were not sent", "err", clip.Error(err))
	}
	return nil
}

// Kill drops what has not been sent.
func (t *telemetry) Kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = t.shutDown(ctx)
}

func (t *telemetry) shutDown(ctx context.Context) (err error) {
	if t.meter != nil {
		err = t.meter.Shutdown(ctx)
	}
	if t.spans != nil {
		err = errors.Join(err, t.spans.Shutdown(ctx))
	}
	return err
}
