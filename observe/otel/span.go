package otel

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

const (
	rpcSystem       = "nameko" // the protocol
	messagingSystem = "rabbitmq"
)

// spanOf returns the name and the kind of the spans for a row's calls.
func spanOf(r *service.Row) (string, trace.SpanKind) {
	switch r.Kind() {
	case "rpc":
		return methodOf(r), trace.SpanKindServer
	case "web":
		return r.Tag.Get("web"), trace.SpanKindServer
	case "socket", "backend":
		return methodOf(r), trace.SpanKindServer
	case "events", "messaging":
		return "process " + destinationOf(r), trace.SpanKindConsumer
	}
	return methodOf(r), trace.SpanKindInternal
}

// methodOf returns the name of a row's calls: orders.get_order.
func methodOf(r *service.Row) string { return r.Service + "." + r.CallName() }

// destinationOf returns the source to which a row listens: the value of the first key of its tag.
func destinationOf(r *service.Row) string { return r.Tag.Get(r.Kind()) }

// attributesOf returns the attributes of a row that the conventions for RPC, messaging and HTTP
// define. They have few values, so metrics have them too.
func attributesOf(r *service.Row) []attribute.KeyValue {
	switch r.Kind() {
	case "rpc":
		return []attribute.KeyValue{semconv.RPCSystemNameKey.String(rpcSystem), semconv.RPCMethod(methodOf(r))}
	case "events", "messaging":
		return []attribute.KeyValue{
			semconv.MessagingSystemKey.String(messagingSystem), semconv.MessagingOperationName("process"),
			semconv.MessagingOperationTypeProcess, semconv.MessagingDestinationName(destinationOf(r)),
		}
	case "web":
		method, path, found := strings.Cut(r.Tag.Get("web"), " ")
		if !found {
			method, path = "", method
		}
		attributes := []attribute.KeyValue{semconv.HTTPRoute(path)}
		if method != "" {
			attributes = append(attributes, semconv.HTTPRequestMethodKey.String(method))
		}
		return append(attributes, rowAttributes(r)...)
	}
	return rowAttributes(r)
}

// rowAttributes returns the attributes of a row that no convention defines.
func rowAttributes(r *service.Row) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("gomeko.service", r.Service), attribute.String("gomeko.method", r.CallName()), attribute.String("gomeko.kind", r.Kind()),
	}
}

// callAttributes returns the attributes of one call that identify its log lines.
func callAttributes(c service.ObservedCall) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String("gomeko.call_id", c.ID), attribute.String("gomeko.root_call_id", service.LoggedID(c.Root()))}
	if c.Attempt > 1 {
		attributes = append(attributes, attribute.Int("gomeko.attempt", c.Attempt))
	}
	if c.Redelivered {
		attributes = append(attributes, attribute.Bool("gomeko.redelivered", true))
	}
	return attributes
}

// spanOfMessage returns the name and the kind of the span for sending a message.
func spanOfMessage(m service.Message) (string, trace.SpanKind) {
	if m.Kind == "rpc" {
		return m.Service + "." + m.Method, trace.SpanKindClient
	}
	return "send " + messageDestination(m), trace.SpanKindProducer
}

// messageDestination returns the exchange, or the queue of a message to the default exchange.
func messageDestination(m service.Message) string {
	if m.Exchange == "" {
		return m.Key
	}
	return m.Exchange
}

// messageAttributes returns the attributes of the span for sending a message.
func messageAttributes(m service.Message) []attribute.KeyValue {
	if m.Kind == "rpc" {
		return append(sentAttributes(m), attribute.String("gomeko.correlation_id", m.ID))
	}
	return append(sentAttributes(m), semconv.MessagingRabbitMQDestinationRoutingKey(m.Key), semconv.MessagingMessageBodySize(m.Size))
}

// sentAttributes returns the messageAttributes that metrics have too.
func sentAttributes(m service.Message) []attribute.KeyValue {
	if m.Kind == "rpc" {
		return []attribute.KeyValue{semconv.RPCSystemNameKey.String(rpcSystem), semconv.RPCMethod(m.Service + "." + m.Method)}
	}
	return []attribute.KeyValue{
		semconv.MessagingSystemKey.String(messagingSystem), semconv.MessagingOperationName("send"),
		semconv.MessagingOperationTypeSend, semconv.MessagingDestinationName(messageDestination(m)),
	}
}

// recordOutcome records the outcome of a call that did not succeed. The text of its error may quote
// a sensitive argument.
func recordOutcome(span trace.Span, c service.ObservedCall) {
	text := ""
	if c.Entry.Sensitive() {
		text = service.Redacted
	}
	switch c.Outcome {
	case service.OutcomeFault, service.OutcomeTimeout, service.OutcomeStopped:
		recordError(span, c.Err, text)
	default:
		span.SetAttributes(attribute.String("error.type", typeOf(c.Err)), attribute.String("gomeko.error", textOf(c.Err, text)))
	}
	span.SetAttributes(attribute.String("gomeko.outcome", c.Outcome.String()))
}

// recordError records an error in a span. If text is not "", it replaces the error's text.
func recordError(span trace.Span, err error, text string) {
	kind, text := typeOf(err), textOf(err, text)
	event := []attribute.KeyValue{semconv.ExceptionType(kind), semconv.ExceptionMessage(text)}
	var p *service.PanicError
	if errors.As(err, &p) {
		event = append(event, semconv.ExceptionStacktrace(string(p.Stack)))
	}
	span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(event...))
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, text)
}

// typeOf returns the name of an error's type; for an error from the wire, its name there.
func typeOf(err error) string {
	var remote *rpcerror.Error
	if errors.As(err, &remote) && remote.Type != "" {
		return remote.Type
	}
	return fmt.Sprintf("%T", err)
}

func textOf(err error, instead string) string {
	if instead != "" {
		return instead
	}
	return clip.Text(err.Error(), clip.Log)
}
