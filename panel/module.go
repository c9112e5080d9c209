package panel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/fx"
)

// Module serves a panel on an address as long as the process runs, for programs that have services,
// too. The program provides the [Config]:
//
//	runner.Main(service.Provide(new(Shop)), fx.Provide(openPanel), panel.Module("127.0.0.1:8080"))
//
//	func openPanel() (panel.Config, error)
//
// The panel stops before what the Config was made of does. It is served without TLS: put a proxy in
// front of it, and name that in [Config].URL and Proxies.
func Module(address string) fx.Option {
	return fx.Module("panel", fx.Invoke(func(life fx.Lifecycle, cfg Config) {
		s := &server{cfg: cfg, address: address}
		life.Append(fx.StartStopHook(s.start, s.stop))
	}))
}

// Limits of the server of [Module]. Answers have no limit of time, since live progress goes on as
// long as its page is open.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	idleTime   = 2 * time.Minute
)

// A server serves the panel of a process.
type server struct {
	cfg     Config
	address string

	panel *Panel
	http  *http.Server
	ended chan error
}

// start makes the panel and listens.
func (s *server) start(ctx context.Context) error {
	p, err := New(ctx, s.cfg)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		return errors.Join(fmt.Errorf("panel.Module: %w", err), p.Close(ctx))
	}
	s.panel, s.ended = p, make(chan error, 1)
	s.http = &http.Server{Handler: p, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime}
	s.http.RegisterOnShutdown(p.Drain)
	p.log.Info("control panel started", "address", listener.Addr().String())
	go func() { s.ended <- s.http.Serve(listener) }()
	return nil
}

// stop waits for the requests and calls that run, until ctx ends.
func (s *server) stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, s.panel.Close(ctx))
}
