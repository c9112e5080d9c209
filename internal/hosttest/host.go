package hosttest

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Config configures how services are hosted. The zero value hosts them without a broker.
type Config struct {
	Service service.Config   // its Logger defaults to the Host's Log
	Broker  transport.Config // used if it has a URI; its Logger defaults to that of Service
}

// A Host is a container of services. It is stopped when the test ends.
type Host struct {
	*service.Container
	Log *Log // what the services log at level debug and above; it is printed if the test fails
}

// New creates a container of services without starting it. It returns the mistakes in the services.
func New(t testing.TB, cfg Config, services ...any) (*Host, error) {
	t.Helper()
	h := &Host{Log: new(Log)}
	cfg.Service.Logger = cmp.Or(cfg.Service.Logger, h.Log.Logger())
	if cfg.Broker.URI != "" {
		cfg.Broker.Logger = cmp.Or(cfg.Broker.Logger, cfg.Service.Logger)
		services = append(services[:len(services):len(services)], service.Defaults(cfg.Broker))
	}
	var err error
	if h.Container, err = service.New(cfg.Service, services...); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		Close(t, h.Stop)
		if t.Failed() {
			t.Logf("log of the services:\n%s", h.Log)
		}
	})
	return h, nil
}

// Start creates a container of services and starts it. If the container fails later, the test
// fails.
func Start(t testing.TB, cfg Config, services ...any) *Host {
	t.Helper()
	h, err := New(t, cfg, services...)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		Close(t, func(ctx context.Context) error { return errors.Join(h.Stop(ctx), h.Wait()) })
	})
	return h
}

// Close calls a method that closes or stops something. It fails the test if that takes longer than
// [Timeout] or returns an error other than [transport.ErrClosed].
func Close(t testing.TB, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	if err := stop(ctx); err != nil && !errors.Is(err, transport.ErrClosed) {
		t.Errorf("stop: %v", err)
	}
}
