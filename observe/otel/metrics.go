package otel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"

	"github.com/gomeko/gomeko/service"
)

// buckets are the bucket boundaries for durations, in seconds, that the conventions recommend.
var buckets = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

// metrics are the instruments.
type metrics struct {
	rows map[*service.Row]*rowMetrics // complete when New returns

	rpcServer, rpcClient, process, operation, call metric.Float64Histogram
	wait                                           metric.Float64Histogram
	retried, parked, dropped, ticks                metric.Int64Counter
	connections, sockets                           metric.Int64UpDownCounter
}

// rowMetrics holds the attribute sets of one row, made once: one for each outcome, and one for what
// is not about a call.
type rowMetrics struct {
	duration metric.Float64Histogram
	outcomes [service.Outcomes]metric.MeasurementOption
	row      metric.MeasurementOption
}

func newMetrics(m metric.Meter) (*metrics, error) {
	var errs []error
	seconds := func(name, what string) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), buckets)
		errs = append(errs, err)
		return h
	}
	count := func(name, unit, what string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	open := func(name, unit, what string) metric.Int64UpDownCounter {
		c, err := m.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return c
	}
	all := &metrics{
		rows:      map[*service.Row]*rowMetrics{},
		rpcServer: seconds(rpcconv.ServerCallDuration{}.Name(), rpcconv.ServerCallDuration{}.Description()),
		rpcClient: seconds(rpcconv.ClientCallDuration{}.Name(), rpcconv.ClientCallDuration{}.Description()),
		process:   seconds(messagingconv.ProcessDuration{}.Name(), messagingconv.ProcessDuration{}.Description()),
		operation: seconds(messagingconv.ClientOperationDuration{}.Name(), messagingconv.ClientOperationDuration{}.Description()),
		call:      seconds("gomeko.call.duration", "Duration of calls of timers, routes and websockets."),
		wait:      seconds("gomeko.call.wait", "How long calls waited for a worker."),
		retried:   count("gomeko.messages.retried", "{message}", "Failed messages and requests that are handled again."),
		parked:    count("gomeko.messages.parked", "{message}", "Failed messages and requests that were moved to a queue of dead letters."),
		dropped:   count("gomeko.messages.dropped", "{message}", "Failed messages and requests that were not kept."),
		ticks:     count("gomeko.ticks.missed", "{tick}", "Ticks of timers that were skipped because they were late."),

		connections: open("gomeko.connections", "{connection}", "Connections to the broker that are open."),
		sockets:     open("gomeko.sockets", "{socket}", "Websockets that are open."),
	}
	return all, errors.Join(errs...)
}

// bound creates the attributes of each row.
func (m *metrics) bound(h *service.Host) {
	for _, r := range h.Rows() {
		of := &rowMetrics{duration: m.call, row: set(rowAttributes(r)...)}
		switch r.Kind() {
		case "rpc":
			of.duration = m.rpcServer
		case "events", "messaging":
			of.duration = m.process
		}
		of.outcomes[service.OK] = set(attributesOf(r)...)
		for o := service.OK + 1; int(o) < service.Outcomes; o++ {
			of.outcomes[o] = set(append(attributesOf(r), errorType(o))...)
		}
		m.rows[r] = of
	}
}

func set(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

func (m *metrics) waited(ctx context.Context, c service.ObservedCall) {
	m.wait.Record(ctx, c.Waited.Seconds(), m.rows[c.Entry].row)
}

func (m *metrics) called(ctx context.Context, c service.ObservedCall) {
	of := m.rows[c.Entry]
	of.duration.Record(ctx, (c.Waited + c.Duration).Seconds(), of.outcomes[c.Outcome])
}

func (m *metrics) sent(ctx context.Context, msg service.Message, took time.Duration, err error) {
	attributes := sentAttributes(msg)
	if err != nil {
		attributes = append(attributes, attribute.String("error.type", sentErrorType(err)))
	}
	if msg.Kind == "rpc" {
		m.rpcClient.Record(ctx, took.Seconds(), set(attributes...))
	} else {
		m.operation.Record(ctx, took.Seconds(), set(attributes...))
	}
}

// sentErrorType returns an error.type with few distinct values, because other services name their
// errors.
func sentErrorType(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case service.Expected(err):
		return "expected"
	}
	return "fault"
}

func (m *metrics) retriedMessage(ctx context.Context, f service.Failure) {
	m.retried.Add(ctx, 1, m.rows[f.Entry].row)
}

func (m *metrics) parkedMessage(ctx context.Context, f service.Failure) {
	m.parked.Add(ctx, 1, m.rows[f.Entry].row)
}

func (m *metrics) droppedMessage(ctx context.Context, f service.Failure) {
	m.dropped.Add(ctx, 1, m.rows[f.Entry].row)
}

func (m *metrics) connected(c service.Connection) {
	m.connections.Add(context.Background(), 1, set(attribute.String("gomeko.purpose", c.Purpose)))
}

func (m *metrics) disconnected(c service.Connection) {
	m.connections.Add(context.Background(), -1, set(attribute.String("gomeko.purpose", c.Purpose)))
}

func (m *metrics) socketOpened(service.ObservedSocket) { m.sockets.Add(context.Background(), 1) }

func (m *metrics) socketClosed(service.ObservedSocket) { m.sockets.Add(context.Background(), -1) }

func (m *metrics) ticksMissed(r *service.Row, n int) {
	m.ticks.Add(context.Background(), int64(n), m.rows[r].row)
}
