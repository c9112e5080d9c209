package servicetest

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Host runs services for the length of a test. It may be used by several goroutines.
type Host struct {
	broker    *broker.Broker
	container *service.Container
	conn      *rpc.Conn
}

// grace is how long calls that still run at the end of a test may take.
const grace = 10 * time.Second

// New starts services on a broker of their own: pointers to their structs, and fx modules and options, as [service.New]
// takes them, so that fx.Replace beside a module replaces what it provides. Their mistakes fail the test, with all of them
// told. What they log is the test's output. They are stopped when the test ends; a call that has not ended ten
// seconds later fails the test too.
func New(t testing.TB, services ...any) *Host {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	h := &Host{broker: broker.New(broker.Config{Logger: logger})}
	at := transport.Config{
		URI:    "amqp://memory",
		Dial:   func(ctx context.Context, _ string) (net.Conn, error) { return h.broker.Dial(ctx) },
		Logger: logger,
	}
	t.Cleanup(func() { h.stop(t) })

	var err error
	h.container, err = service.New(service.Config{Logger: logger, Values: []any{at}}, services...)
	if err != nil {
		t.Fatalf("mistakes in the services:\n%v", err)
	}
	if err := h.container.Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
	if h.conn, err = rpc.Dial(t.Context(), at, rpc.Config{}); err != nil {
		t.Fatalf("dial: %v", err)
	}
	return h
}

// Client returns a client of the service named.
func (h *Host) Client(service string) rpc.Client { return h.conn.Client(service) }

// stop ends everything in the order in which it is needed, and fails the test for what does not end.
func (h *Host) stop(t testing.TB) {
	end := func(what string, stop func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if h.conn != nil {
		end("close the client", h.conn.Close)
	}
	if h.container != nil {
		end("stop the services", h.container.Stop)
	}
	end("stop the broker", h.broker.Close)
}
