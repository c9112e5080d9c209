// Package judge has package observe/otel judged by the OTLP receiver of the OpenTelemetry
// collector. It is a module of its own, so that the collector is not a dependency of gomeko.
package judge
