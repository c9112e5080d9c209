// Package otel sends traces and metrics of services with OpenTelemetry.
//
// Add [Module] to the program once:
//
//	func main() { runner.Main(orders.Module, otel.Module) }
//
// It does nothing until the environment says where to send:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 ./orders run
//
// A program that gomeko run generates has the module if these variables are set, without a line of
// code. The package is linked by its users only.
//
// # Traces
//
// Each call is a span, and so is each message that is sent: the request of an RPC client, an event,
// a message. If a call waits for a worker, the wait is a span of its own. The spans of a service
// belong to the service.name of that service, also if a process hosts several.
//
// Messages carry the header traceparent, so a trace goes on in the services that they reach. Nameko
// passes headers that it does not know on, as nameko.traceparent, which is read too: a trace
// crosses services in Python that know nothing of it. HTTP routes go on with the traceparent of a
// request.
//
// The log lines of a call have the id of its trace as trace_id. Libraries that use OpenTelemetry's
// global provider, such as those for databases, join in: [Module] sets it.
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
// A fault or a timeout is an error of the span, with the text and the stack that the log has. Other
// errors are an attribute, error.type. Arguments are not recorded. The errors of rows with
// sensitive arguments are recorded without their text, because it may quote an argument. So are the
// errors that a called service has returned: the span of the service has the text.
//
// # Metrics
//
//	rpc.server.call.duration              calls of rpc.Method
//	rpc.client.call.duration              calls that clients make
//	messaging.process.duration            events and messages that are handled
//	messaging.client.operation.duration   events and messages that are sent
//	gomeko.call.duration                  other calls: timers, routes, websockets
//	gomeko.call.wait                      how long calls waited for a worker
//	gomeko.messages.retried, gomeko.messages.parked, gomeko.messages.dropped
//	gomeko.connections                    connections to the broker that are open
//	gomeko.sockets                        websockets that are open
//	gomeko.ticks.missed
//
// The unit of durations is seconds. A call that did not succeed has the attribute error.type: its
// [service.Outcome].
//
// # The environment
//
// Traces are on if OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
// OTEL_EXPORTER_OTLP_ENDPOINT is set, and metrics with METRICS in place of TRACES. The exporter
// none switches one of them off, OTEL_SDK_DISABLED=true everything. Package autoexport of
// OpenTelemetry makes the exporters, so its variables have an effect: otlp, console and prometheus
// as exporters, grpc and http/protobuf as OTEL_EXPORTER_OTLP_PROTOCOL. The variables of the SDK
// have too, such as OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and OTEL_PROPAGATORS.
// OTEL_SERVICE_NAME is one name for all services of the process.
package otel
