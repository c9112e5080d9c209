package web_test

import (
	"net/http"
	"os"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// TestMain runs the tests, or runs a service as a program for TestRollingRestart and TestMemory.
func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "busy":
		runner.Main(fx.Module("busy", service.Provide(new(Busy))))
	case "bulky":
		runner.Main(fx.Module("bulky", service.Provide(new(Bulky))))
	}
	goleak.VerifyTestMain(m)
}

// A process hosts services on a free port.
type process struct {
	*hosttest.Host
	url    string // http://127.0.0.1:port
	client *http.Client
}

// start starts services, and stops them when the test ends.
func start(t testing.TB, cfg web.Config, services ...any) *process {
	t.Helper()
	return startConfigured(t, service.Config{}, cfg, services...)
}

// startConfigured is like start, with a configuration of the container.
func startConfigured(t testing.TB, host service.Config, cfg web.Config, services ...any) *process {
	t.Helper()
	var port hosttest.Port
	cfg.Listen = port.Listen
	p := &process{client: &http.Client{Transport: new(http.Transport)}}
	p.Host = hosttest.Start(t, hosttest.Config{Service: host}, append(services, service.Configure(cfg))...)
	p.url = "http://" + port.Address()
	t.Cleanup(func() { p.client.CloseIdleConnections() }) // otherwise the stop would wait for them
	return p
}
