package rpc_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A process hosts services, and taps the traffic of its connections.
type process struct {
	*hosttest.Host
	tap tap
}

// start starts services on the broker at uri, and stops them when the test ends.
func start(t *testing.T, uri string, services ...any) *process {
	t.Helper()
	return startWorkers(t, 10, uri, services...)
}

// startWorkers is start with a number of workers for each service.
func startWorkers(t *testing.T, workers int, uri string, services ...any) *process {
	t.Helper()
	return startOn(t, service.Config{MaxWorkers: workers}, transport.Config{URI: uri}, services...)
}

// startOn is start with a configuration of the container and of the broker.
func startOn(t *testing.T, cfg service.Config, broker transport.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	broker.Dial, broker.MaxMessage = p.tap.Dial, maxMessage
	p.Host = hosttest.Start(t, hosttest.Config{Service: cfg, Broker: broker}, services...)
	return p
}

// maxMessage is the size of the largest message in these tests: small, so that a larger one costs
// little.
const maxMessage = 1 << 20

// stop stops the services before the test ends.
func (p *process) stop(t *testing.T) {
	t.Helper()
	hosttest.Close(t, p.Stop)
}

// dial connects a program that hosts no services. tap may be nil.
func dial(t *testing.T, uri string, cfg rpc.Config, tap *tap) *rpc.Caller {
	t.Helper()
	return dialBroker(t, transport.Config{URI: uri}, cfg, tap)
}

func dialBroker(t *testing.T, broker transport.Config, cfg rpc.Config, tap *tap) *rpc.Caller {
	t.Helper()
	broker.MaxMessage = maxMessage
	if tap != nil {
		broker.Dial = tap.Dial
	}
	return hosttest.Caller(t, broker, cfg)
}

// A peer speaks AMQP directly, so it can send what our clients cannot.
type peer struct {
	t       *testing.T
	ch      *amqp.Channel
	replies <-chan amqp.Delivery
}

// replyKey is the routing key of replies to a peer.
const replyKey = "vec-raw-reply"

// newPeer connects a peer, with a queue for its replies.
func newPeer(t *testing.T, uri string) *peer {
	t.Helper()
	p := &peer{t: t, ch: brokertest.Channel(t, uri)}
	if err := p.ch.ExchangeDeclare("nameko-rpc", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	p.replies = p.bind(replyKey)
	return p
}

// bind returns the messages that the exchange of calls routes by key from now on.
func (p *peer) bind(key string) <-chan amqp.Delivery {
	p.t.Helper()
	return brokertest.Bind(p.t, p.ch, "nameko-rpc", key)
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

// publishOptional publishes a message that the broker may drop.
func (p *peer) publishOptional(key string, m amqp.Publishing) {
	p.t.Helper()
	if err := p.ch.PublishWithContext(p.t.Context(), "nameko-rpc", key, false, false, m); err != nil {
		p.t.Fatal(err)
	}
}
