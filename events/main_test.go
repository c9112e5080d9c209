package events_test

import (
	"cmp"
	"context"
	"log/slog"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what takes no time unless it is broken.
const patience = 30 * time.Second

// maxMessage is small, so that going over it costs little.
const maxMessage = 1 << 20

// A process hosts services in a test, and keeps what they log.
type process struct {
	*service.Container
	log brokertest.Log
	tap brokertest.Tap
}

// start starts services on the broker at uri; they are stopped at the end of the test at the latest.
func start(t *testing.T, uri string, cfg events.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	broker := transport.Config{URI: uri, MaxMessage: maxMessage, Dial: p.tap.Dial}
	if err := p.run(t, service.Config{Values: []any{broker, cfg}}, services...); err != nil {
		t.Fatal(err)
	}
	return p
}

// run makes the container, which ends with the test, and starts it.
func (p *process) run(t *testing.T, cfg service.Config, services ...any) (err error) {
	t.Helper()
	cfg.MaxWorkers = cmp.Or(cfg.MaxWorkers, 10)
	cfg.Logger = slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if p.Container, err = service.New(cfg, services...); err != nil {
		return err
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the services:\n%s", p.log.String())
		}
	})
	return p.Start(t.Context())
}

// dial connects a program that is no service.
func dial(t *testing.T, uri string) *events.Conn {
	t.Helper()
	return dialThrough(t, uri, &brokertest.Tap{})
}

func dialThrough(t *testing.T, uri string, tap *brokertest.Tap) *events.Conn {
	t.Helper()
	conn, err := events.Dial(t.Context(), transport.Config{URI: uri, MaxMessage: maxMessage, Dial: tap.Dial})
	if err != nil {
		t.Fatal(err)
	}
	closes(t, conn.Close)
	return conn
}

// caller connects a program that calls services.
func caller(t *testing.T, uri string) *rpc.Conn {
	t.Helper()
	conn, err := rpc.Dial(t.Context(), transport.Config{URI: uri}, rpc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	closes(t, conn.Close)
	return conn
}

// closes closes at the end of the test.
func closes(t *testing.T, close func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// channel is of a peer that does what it likes.
func channel(t *testing.T, uri string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// wait returns what comes.
func wait[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: not in %s", what, patience)
	}
	panic("unreachable")
}
