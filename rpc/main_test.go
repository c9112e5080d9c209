package rpc_test

import (
	"context"
	"errors"
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

// A process hosts services in a test, and keeps what they log and what they send.
type process struct {
	*service.Container
	log brokertest.Log
	tap tap
}

// start starts services on the broker at uri; they are stopped at the end of the test at the latest.
func start(t *testing.T, uri string, services ...any) *process {
	t.Helper()
	return startWorkers(t, 10, uri, services...)
}

// startWorkers starts services that run as many calls at once, each.
func startWorkers(t *testing.T, workers int, uri string, services ...any) *process {
	t.Helper()
	return startOn(t, service.Config{MaxWorkers: workers}, transport.Config{URI: uri}, services...)
}

// startOn starts services on a broker; both configurations are completed.
func startOn(t *testing.T, cfg service.Config, broker transport.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	cfg.Logger = slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	broker.Dial, broker.Logger, broker.MaxMessage = p.tap.Dial, cfg.Logger, maxMessage
	cfg.Values = append(cfg.Values, broker)
	var err error
	if p.Container, err = service.New(cfg, services...); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("log of the services:\n%s", p.log.String())
		}
	})
	return p
}

// maxMessage is the size of the largest message in these tests: small, so that going over it costs little.
const maxMessage = 1 << 20

func (p *process) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// dial connects a program that is no service.
func dial(t *testing.T, uri string, cfg rpc.Config, tap *tap) *rpc.Conn {
	t.Helper()
	return dialBroker(t, transport.Config{URI: uri}, cfg, tap)
}

func dialBroker(t *testing.T, broker transport.Config, cfg rpc.Config, tap *tap) *rpc.Conn {
	t.Helper()
	broker.MaxMessage = maxMessage
	if tap != nil {
		broker.Dial = tap.Dial
	}
	conn, err := rpc.Dial(t.Context(), broker, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := conn.Close(ctx); err != nil && !errors.Is(err, transport.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

// A peer speaks raw AMQP: a client that does what it likes.
type peer struct {
	t       *testing.T
	ch      *amqp.Channel
	replies <-chan amqp.Delivery
}

// replyKey is what a peer is replied to by.
const replyKey = "vec-raw-reply"

// newPeer connects a peer, with a queue for its replies.
func newPeer(t *testing.T, uri string) *peer {
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
	p := &peer{t: t, ch: ch}
	if err := ch.ExchangeDeclare("nameko-rpc", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	p.replies = p.bind(replyKey)
	return p
}

// bind returns what the exchange routes by key from now on.
func (p *peer) bind(key string) <-chan amqp.Delivery {
	p.t.Helper()
	return p.bindTo("nameko-rpc", key)
}

func (p *peer) bindTo(exchange, key string) <-chan amqp.Delivery {
	p.t.Helper()
	q, err := p.ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = p.ch.QueueBind(q.Name, key, exchange, false, nil)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	deliveries, err := p.ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return deliveries
}

func (p *peer) publish(key string, m amqp.Publishing) {
	p.t.Helper()
	p.publishTo("nameko-rpc", key, m)
}

func (p *peer) publishTo(exchange, key string, m amqp.Publishing) {
	p.t.Helper()
	if err := p.ch.PublishWithContext(p.t.Context(), exchange, key, true, false, m); err != nil {
		p.t.Fatal(err)
	}
}

// publishOptional publishes what may be dropped.
func (p *peer) publishOptional(key string, m amqp.Publishing) {
	p.t.Helper()
	if err := p.ch.PublishWithContext(p.t.Context(), "nameko-rpc", key, false, false, m); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next message of deliveries.
func next(t *testing.T, deliveries <-chan amqp.Delivery) amqp.Delivery {
	t.Helper()
	select {
	case d, ok := <-deliveries:
		if !ok {
			t.Fatal("the channel was closed")
		}
		return d
	case <-time.After(patience):
		t.Fatalf("no message in %s", patience)
	}
	panic("unreachable")
}

// wait returns when done does.
func wait[T any](t *testing.T, what string, done <-chan T) T {
	t.Helper()
	select {
	case v := <-done:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: not in %s", what, patience)
	}
	panic("unreachable")
}
