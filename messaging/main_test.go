package messaging_test

import (
	"testing"

	"go.uber.org/goleak"

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
func start(t *testing.T, uri string, services ...any) *process {
	t.Helper()
	return startOn(t, transport.Config{URI: uri}, services...)
}

// startOn is start with a configuration of the broker.
func startOn(t *testing.T, broker transport.Config, services ...any) *process {
	t.Helper()
	broker.MaxMessage = maxMessage
	p := host(t, service.Config{MaxWorkers: 10}, broker, services...)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// host makes the container but does not start it.
func host(t *testing.T, cfg service.Config, broker transport.Config, services ...any) *process {
	t.Helper()
	p := &process{}
	broker.Dial = p.tap.Dial
	var err error
	if p.Host, err = hosttest.New(t, hosttest.Config{Service: cfg, Broker: broker}, services...); err != nil {
		t.Fatal(err)
	}
	return p
}

// caller connects a program that calls services.
func caller(t *testing.T, uri string) *rpc.Caller {
	t.Helper()
	return hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
}
