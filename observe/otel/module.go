package otel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// Module traces and measures the services of a program according to the environment; see The
// environment in the package comment. If no exporter is configured, it does nothing. When the
// services have stopped, it flushes for at most 5 s.
//
// It sets OpenTelemetry's global providers, propagator and error handler for libraries that use
// them. It logs when spans or metrics cannot be exported.
var Module = fx.Module("otel", service.Configure[service.Extension](extend))

// enabled reports whether the environment enables a signal, TRACES or METRICS.
func enabled(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
}

// extend adds the observer to a container. It is a [service.Extension].
func extend(h *service.Host) error {
	traces, metrics := enabled("TRACES"), enabled("METRICS")
	if !traces && !metrics {
		return nil
	}
	t, err := service.Shared(h, func(h *service.Host) (*telemetry, error) { return newTelemetry(h, traces, metrics) })
	if err != nil {
		return err
	}
	if t.observed { // the module was added twice
		return nil
	}
	t.observed = true
	cfg := Config{Propagator: t.propagator}
	if traces {
		cfg.Tracer = t.provider
	}
	if metrics {
		cfg.Meter = t.meter
	}
	o, err := NewObserver(cfg)
	return errors.Join(err, h.Observe(o))
}

// newTelemetry creates the SDK from the environment.
func newTelemetry(h *service.Host, traces, metrics bool) (*telemetry, error) {
	t, ctx := &telemetry{log: h.Logger(), propagator: autoprop.NewTextMapPropagator()}, context.Background()
	if traces {
		if err := t.trace(ctx, h); err != nil {
			return nil, mistake("TRACES", err)
		}
	}
	if metrics {
		if err := t.measure(ctx, h); err != nil {
			return nil, errors.Join(mistake("METRICS", err), t.shutDown(ctx))
		}
	}
	t.setGlobals()
	context.AfterFunc(h.Context(), t.Kill) // if New returns an error, nothing else stops it
	return t, nil
}

// mistake returns the error for a signal whose exporter cannot be created. It adds the variables
// that were read, which the SDK's error does not name.
func mistake(signal string, err error) error {
	exporter, protocol := "OTEL_"+signal+"_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
	return fmt.Errorf("otel: %s: %w: correct the environment, which has %s=%q and %s=%q", strings.ToLower(signal), err,
		exporter, os.Getenv(exporter), protocol, os.Getenv(protocol))
}
