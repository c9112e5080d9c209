package servicetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Host runs services for the length of a test. It may be used by several goroutines, but for what fails the test: see
// [testing.T] on FailNow.
//
// A row is named by its service and its field, as in "orders.GetOrder".
type Host struct {
	t         testing.TB
	broker    *broker.Broker
	container *service.Container
	conn      *transport.Conn // the test's own
	caller    *rpc.Caller
	web       *wire
	http      *http.Client

	mu      sync.Mutex
	watches map[string][]*watch // by row
}

const (
	// grace is how long calls that still run at the end of a test may take.
	grace = 10 * time.Second

	// limit is how long is waited for a call, unless the test says otherwise.
	limit = 30 * time.Second
)

// New starts services on a broker of their own, in memory: pointers to their structs, and fx modules and options, as
// [service.New] takes them, so that fx.Replace beside a module replaces what it provides. A [service.Config] may be among
// them, with middleware or with Only, the rows that are started. So may [service.Configure]: an rpc.Config is the services' and
// the test's clients', and a transport.Config with a URI has the services on that broker instead.
//
// Mistakes of the services fail the test, with all of them told. What they log is the test's output, unless the Config has a
// Logger. They are stopped when the test ends; a call that has not ended ten seconds later fails the test too, and so
// does a service that has ended by itself.
//
// In the bubble of testing/synctest, with the bubble's t, time passes as there.
func New(t testing.TB, services ...any) *Host {
	t.Helper()
	h := &Host{t: t, watches: map[string][]*watch{}, web: newWire()}
	h.http = h.web.client()
	t.Cleanup(h.stop)
	b, container, err := bind(t, h.web, services, h.observe)
	h.broker = b
	if err != nil {
		t.Fatalf("mistakes in the services:\n%v", err)
	}
	if err := container.Start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
	h.container = container
	at, _ := service.Lookup[transport.Config](h.container.Host())
	cfg, _ := service.Lookup[rpc.Config](h.container.Host())
	if h.conn, err = transport.Dial(t.Context(), at); err != nil {
		t.Fatalf("dial: %v", err)
	}
	if h.caller, err = rpc.NewCaller(t.Context(), h.conn, cfg); err != nil {
		t.Fatalf("client: %v", err)
	}
	return h
}

// Check fails the test with the mistakes of the services, all of them told, and starts nothing: no hook of theirs or of their
// modules is run. It takes what [New] takes. The constructors that fields ask fx for are called, to know what they return.
func Check(t testing.TB, services ...any) {
	t.Helper()
	b, container, err := bind(t, newWire(), services)
	if err != nil {
		t.Errorf("mistakes in the services:\n%v", err)
	}
	ended := b.Close(context.Background())
	if container != nil {
		ended = errors.Join(ended, container.Stop(context.Background()))
	}
	if ended != nil {
		t.Error(ended)
	}
}

// bind makes the container of the services, on a broker that is theirs unless their Config has another, their routes on w.
func bind(t testing.TB, w *wire, services []any, outermost ...service.Middleware) (*broker.Broker, *service.Container, error) {
	var cfg service.Config
	var rest []any
	configs := 0
	for _, s := range services {
		if c, ok := s.(service.Config); ok {
			cfg = c
			configs++
			continue
		}
		rest = append(rest, s)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	b := broker.New(broker.Config{Logger: cfg.Logger})
	if configs > 1 {
		return b, nil, fmt.Errorf("there are %d values of service.Config: make them one", configs)
	}
	cfg.Middleware = append(outermost, cfg.Middleware...)
	rest = append(rest,
		service.Complete(func(c transport.Config) transport.Config { return inMemory(c, b, cfg.Logger) }),
		service.Complete(func(c rpc.Config) rpc.Config { return c }), // the test's clients read it
		service.Complete(w.serve))
	container, err := service.New(cfg, rest...)
	return b, container, err
}

// inMemory returns the configuration of b, unless cfg has another broker.
func inMemory(cfg transport.Config, b *broker.Broker, log *slog.Logger) transport.Config {
	if cfg.URI == "" && cfg.Dial == nil {
		cfg.URI, cfg.Logger = "amqp://memory", cmp.Or(cfg.Logger, log)
		cfg.Dial = func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
	}
	return cfg
}

// Client returns a client of the service named. For a typed one there is rpc.Bind[Users](h).
func (h *Host) Client(service string) rpc.Client { return h.caller.Client(service) }

// row returns the row of that name.
func (h *Host) row(name string) (*service.Row, error) {
	var names []string
	for _, r := range h.container.Rows() {
		names = append(names, r.Service+"."+r.Name)
		if names[len(names)-1] == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no row %s: there are %s", name, strings.Join(names, ", "))
}

// stop ends everything in the order in which it is needed, and fails the test for what does not end.
func (h *Host) stop() {
	end := func(what string, stop func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if err := stop(ctx); err != nil {
			h.t.Errorf("%s: %v", what, err)
		}
	}
	h.http.CloseIdleConnections()
	if h.caller != nil {
		end("close the client", h.caller.Close)
	}
	if h.conn != nil {
		end("close the test's connection", h.conn.Close)
	}
	if c := h.container; c != nil {
		end("stop the services", func(ctx context.Context) error { return errors.Join(c.Stop(ctx), c.Wait()) })
	}
	if h.broker != nil {
		end("stop the broker", h.broker.Close)
	}
}
