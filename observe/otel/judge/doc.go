// Package judge checks package observe/otel against the OTLP receiver of the OpenTelemetry
// collector. It is a separate module, so that gomeko does not depend on the collector.
package judge
