// Package otel exports traces and metrics of services with OpenTelemetry.
//
// Add [Module] to the program once:
//
//	func main() { runner.Main(orders.Module, otel.Module) }
//
// It does nothing unless environment variables configure an exporter:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 ./orders run
//
// A program that gomeko run generates includes the module if these variables are set, without any
// code of yours. Other programs do not link this package unless they import it.
//
// # Traces
//
// Each call is a span, and so is each message sent: the request of an RPC client, an event, a
// message. If a call waits for a worker, the wait is a separate span. The spans of a service have
// that service's service.name, even if the process hosts several services.
//
// Messages carry the header traceparent, so a trace continues in the services that receive them.
// Nameko passes unknown headers on, as nameko.traceparent, which is read too: a trace thus crosses
// Python services that are not traced. HTTP routes continue the traceparent of a request.
//
// The log lines of a call contain the ID of its trace as trace_id. [Module] sets OpenTelemetry's
// global provider, so the spans of libraries that use it, such as database drivers, belong to the
// same trace.
//
//	span                              kind       attributes
//	orders.get_order                  server     rpc.system.name, rpc.method
//	users.get                         client     the same
//	process users.user_deleted        consumer   messaging.system, messaging.destination.name
//	send users.events                 producer   the same, and the routing key
//	GET /orders/{id}                  server     http.request.method, http.route
//	clock.tick                        internal
//	wait for a worker                 internal
//
// A fault or a timeout is recorded as an error of the span, with the same text and stack as in the
// log. Other errors set the attribute error.type. Arguments are not recorded. The errors of rows
// with sensitive arguments are recorded without their text, because it may quote an argument. Errors
// returned by a called service are also recorded without their text, which the span of that service
// has.
//
// # Metrics
//
//	rpc.server.call.duration              calls of rpc.Method
//	rpc.client.call.duration              calls that clients make
//	messaging.process.duration            events and messages handled
//	messaging.client.operation.duration   events and messages sent
//	gomeko.call.duration                  other calls: timers, routes, websockets
//	gomeko.call.wait                      how long calls waited for a worker
//	gomeko.messages.retried, gomeko.messages.parked, gomeko.messages.dropped
//	gomeko.connections                    open connections to the broker
//	gomeko.sockets                        open websockets
//	gomeko.ticks.missed
//
// Durations are in seconds. The attribute error.type of a call that did not succeed is its
// [service.Outcome].
//
// # The environment
//
// Traces are on if OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
// OTEL_EXPORTER_OTLP_ENDPOINT is set; for metrics, replace TRACES with METRICS. The exporter none
// turns one of them off, and OTEL_SDK_DISABLED=true turns off both. OpenTelemetry's package
// autoexport creates the exporters, so its variables apply: the exporters are otlp, console and
// prometheus, and OTEL_EXPORTER_OTLP_PROTOCOL is grpc or http/protobuf. The SDK's variables apply
// too, such as OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and OTEL_PROPAGATORS.
// OTEL_SERVICE_NAME sets one name for all services of the process.
package otel
