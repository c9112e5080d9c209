package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Bridge is a service with a dependency.
type Bridge struct {
	_ service.Name `service:"bridge"`

	Cable *hosttest.Dependency

	Entrypoints struct {
		Cross rpc.Method `rpc:"cross"`
	}
}

func (*Bridge) Cross(context.Context) (string, error) { return "over", nil }

// While a dependency fails, calls are answered with a typed error, which callers do not mistake for
// their own.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		cable := new(hosttest.Dependency)
		cfg := service.Config{PauseUnhealthy: true, HealthInterval: 20 * time.Millisecond}
		p := startOn(t, cfg, transport.Config{URI: uri}, &Bridge{Cable: cable})
		cross := func() error {
			return hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("bridge").Call(t.Context(), "cross", nil)
		}
		if err := cross(); err != nil {
			t.Fatal(err)
		}
		cable.Set(errors.New("snapped"))
		hosttest.Eventually(t, "it fails", func() bool { return p.Host.Host().Health()[0].Failing })
		err := cross()
		var remote *rpc.Error
		if !errors.Is(err, rpc.ErrUnavailable) || !errors.As(err, &remote) || remote.HTTPStatus() != 503 ||
			remote.Value != "service bridge is unavailable: hosttest.Dependency is failing" {
			t.Errorf("got %v, want ErrUnavailable with the dependency", err)
		}
		if service.Expected(err) || service.VerdictOf(err).Action != service.Retry {
			t.Error("want that the error is another service's, and that its caller is retried")
		}
		cable.Set(nil)
		hosttest.Eventually(t, "it works again", func() bool { return cross() == nil })
	})
}

// Meddler is a service whose dependency calls another service.
type Meddler struct {
	_ service.Name `service:"meddler"`

	Bridge *Phone
	Client rpc.Client `rpc:"bridge"`
}

// Phone is a Health that calls a service.
type Phone struct{ client rpc.Client }

func (p *Phone) Health(ctx context.Context) error { return p.client.Call(ctx, "cross", nil) }

// A Health must not call another service, since two services that check each other would never
// resume.
func TestHealthThatCalls(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	phone := &Phone{client: hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("bridge")}
	p := startOn(t, service.Config{HealthInterval: 20 * time.Millisecond}, transport.Config{URI: uri},
		&Bridge{Cable: new(hosttest.Dependency)}, &Meddler{Bridge: phone})
	hosttest.Eventually(t, "the mistake is in the log", func() bool { return len(p.Log.Lines("mistake in a health check")) > 0 })
	hosttest.Eventually(t, "it fails", func() bool {
		for _, s := range p.Host.Host().Health() {
			if s.Failing {
				return s.Name == "rpc_test.Phone" && strings.HasPrefix(s.Err.Error(), "the Health of rpc_test.Phone calls bridge.cross")
			}
		}
		return false
	})
}
