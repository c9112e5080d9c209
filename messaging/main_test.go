package messaging_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

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
func start(t *testing.T, uri string, services ...any) *process {
	t.Helper()
	return startOn(t, transport.Config{URI: uri}, services...)
}

func startOn(t *testing.T, broker transport.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	broker.MaxMessage, broker.Dial = maxMessage, p.tap.Dial
	p.host(t, broker, services...)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// host makes the container, which ends with the test.
func (p *process) host(t *testing.T, broker transport.Config, services ...any) {
	t.Helper()
	p.hostWith(t, service.Config{MaxWorkers: 10, Values: []any{broker}}, services...)
}

func (p *process) hostWith(t *testing.T, cfg service.Config, services ...any) {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	p.Container, err = service.New(cfg, services...)
	if err != nil {
		t.Fatal(err)
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
}

// caller connects a program that calls services.
func caller(t *testing.T, uri string) *rpc.Conn {
	t.Helper()
	conn, err := rpc.Dial(t.Context(), transport.Config{URI: uri}, rpc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := conn.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
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
