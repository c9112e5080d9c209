package events_test

import (
	"cmp"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// maxMessage is the size of the largest message in these tests: small, so that a larger one costs
// little.
const maxMessage = 1 << 20

// A process hosts services, and taps the traffic of its connections.
type process struct {
	*hosttest.Host
	tap brokertest.Tap
}

// start starts services on the broker at uri, and stops them when the test ends.
func start(t *testing.T, uri string, cfg events.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	broker := transport.Config{URI: uri, MaxMessage: maxMessage}
	if err := p.run(t, service.Config{}, broker, append(services, service.Defaults(cfg))...); err != nil {
		t.Fatal(err)
	}
	return p
}

// run is start with a configuration of the container and of the broker. It returns the mistakes in
// the services, or why they did not start.
func (p *process) run(t *testing.T, cfg service.Config, broker transport.Config, services ...any) (err error) {
	t.Helper()
	cfg.MaxWorkers = cmp.Or(cfg.MaxWorkers, 10)
	broker.Dial = p.tap.Dial
	if p.Host, err = hosttest.New(t, hosttest.Config{Service: cfg, Broker: broker}, services...); err != nil {
		return err
	}
	return p.Start(t.Context())
}

// dial connects a program that dispatches events and hosts no services.
func dial(t *testing.T, uri string) *transport.Conn {
	t.Helper()
	return dialThrough(t, uri, &brokertest.Tap{})
}

func dialThrough(t *testing.T, uri string, tap *brokertest.Tap) *transport.Conn {
	t.Helper()
	return hosttest.Dial(t, transport.Config{URI: uri, MaxMessage: maxMessage, Dial: tap.Dial})
}

// caller connects a program that calls services.
func caller(t *testing.T, uri string) *rpc.Caller {
	t.Helper()
	return hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
}
