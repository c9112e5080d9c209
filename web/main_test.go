package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// TestMain runs the tests, or is a program: see TestRollingRestart.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		runner.Main(fx.Module("busy", service.Provide(new(Busy))))
	}
	goleak.VerifyTestMain(m)
}

// patience is for what takes no time unless it is broken.
const patience = 30 * time.Second

// A process hosts services in a test, on a free port of this machine, and keeps what they log.
type process struct {
	*service.Container
	url    string // http://127.0.0.1:port
	client *http.Client
	log    hosttest.Log
}

// start starts services; they are stopped at the end of the test at the latest.
func start(t testing.TB, cfg web.Config, services ...any) *process {
	t.Helper()
	return startConfigured(t, service.Config{}, cfg, services...)
}

func startConfigured(t testing.TB, host service.Config, cfg web.Config, services ...any) *process {
	t.Helper()
	p := &process{client: &http.Client{Transport: new(http.Transport)}}
	cfg.Listen = func(ctx context.Context, _ string) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err == nil {
			p.url = "http://" + l.Addr().String()
		}
		return l, err
	}
	if host.Logger == nil {
		host.Logger = slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	host.Values = append(host.Values, cfg)
	var err error
	p.Container, err = service.New(host, services...)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(p.Stop(ctx), p.Wait()); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the services:\n%s", p.log.String())
		}
	})
	return p
}
