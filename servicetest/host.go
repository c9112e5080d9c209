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

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Host runs services until its test ends. Several goroutines may use it, except for methods that
// can fail the test: see FailNow of [testing.T].
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

	mu       sync.Mutex
	watches  map[string][]*watch // by row
	enqueued []jobs.Enqueued
}

const (
	// grace is how long calls may still run at the end of a test.
	grace = 10 * time.Second

	// limit is how long the methods of a Host wait for a call whose context has no deadline.
	limit = 30 * time.Second
)

// New starts services on a new broker in memory. It takes what [service.New] takes: pointers to the
// structs of services, fx modules and fx options such as fx.Replace. One of them may be a
// [service.Config], for example with Only, which starts only some rows. An rpc.Config, passed with
// [service.Configure], configures the clients of the services and of the test. A transport.Config
// with a URI selects another broker.
//
// Mistakes of the services fail the test, which reports all of them. The services log to the test's
// output, unless the Config has a Logger; what their calls log with slog.InfoContext(ctx, …) and
// the like goes there too, with the ids of the call. They are stopped when the test ends. The test
// also fails if a call has not ended ten seconds later, or if the services ended before the test.
//
// New works in a bubble of testing/synctest, if t is that of the bubble.
func New(t testing.TB, services ...any) *Host {
	t.Helper()
	h := &Host{t: t, watches: map[string][]*watch{}, web: newWire()}
	h.http = h.web.client()
	t.Cleanup(h.stop)
	fakes := service.Complete(func(c rpc.Config) rpc.Config { c.Fakes = true; return c })
	told := service.Complete(func(c jobs.Config) jobs.Config {
		if c.Enqueued == nil {
			c.Enqueued = h.noteJob
		}
		return c
	})
	services = append(services[:len(services):len(services)], fakes, told)
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

// Check fails the test if the services have mistakes, and reports all of them. It takes what [New]
// takes. It calls the constructors that fields need, but starts nothing and runs no hook.
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

// bind makes the container of the services, with a new broker and with w as their HTTP listener,
// unless they configure others.
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
		cfg.Logger = slog.New(service.NewLogHandler(slog.NewTextHandler(t.Output(), nil)))
	}
	routeDefaultLog()
	b := broker.New(broker.Config{Logger: cfg.Logger})
	if configs > 1 {
		return b, nil, fmt.Errorf("service.Config: %d values: combine them into one", configs)
	}
	cfg.Middleware = append(outermost, cfg.Middleware...)
	rest = append(rest,
		service.Complete(func(c transport.Config) transport.Config { return inMemory(c, b, cfg.Logger) }),
		service.Complete(func(c rpc.Config) rpc.Config { return c }), // the test's clients read it
		service.Complete(w.serve),
		service.Defaults(fleet.Timers(), fleet.Hub(), fleet.HTTP()),
		service.Configure[service.Extension](admin.Serve)) // modules may have handlers for it
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

// Client returns a client of a service. rpc.Bind[Users](h) returns a typed client.
func (h *Host) Client(service string) rpc.Client { return h.caller.Client(service) }

// row returns the row with a name.
func (h *Host) row(name string) (*service.Row, error) {
	var names []string
	for _, r := range h.container.Rows() {
		names = append(names, r.Service+"."+r.Name)
		if names[len(names)-1] == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no such row %s: the rows are %s", name, strings.Join(names, ", "))
}

// stop stops everything in order, and fails the test if something does not end.
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
