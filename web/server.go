package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gomeko/gomeko/service"
)

// A server is the HTTP server of a process: all that stands on a pattern shares it. It is the Entrypoint of the routes, so
// that it listens when what they need has started, and has answered before the workers end.
type server struct {
	cfg    Config
	log    *slog.Logger
	http   *http.Server
	mux    *http.ServeMux
	owners map[string]string // of patterns: service orders: ShowOrder

	listener net.Listener
	served   chan struct{} // closed when nothing is accepted any more
	draining atomic.Bool
}

func newServer(c *service.Container) (*server, error) {
	cfg, _ := service.Lookup[Config](c)
	s := &server{
		cfg:    cfg,
		log:    c.Logger(),
		mux:    http.NewServeMux(),
		owners: make(map[string]string),
		served: make(chan struct{}),
	}
	s.http = &http.Server{
		Handler:  s,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// handle has h answer the requests that match pattern, in the language of http.ServeMux, on behalf of the field f. It is
// called while the application is made; the error is a mistake of f's.
func (s *server) handle(f *service.Field, pattern string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil { // the mux has no other way to say it
			err = s.refused(pattern, fmt.Sprint(p))
		}
	}()
	s.mux.Handle(pattern, h)
	s.owners[pattern] = "service " + f.Service + ": " + f.Name
	return nil
}

// refused is the mistake of a pattern, by what the mux has panicked with.
func (s *server) refused(pattern, why string) error {
	for other, owner := range s.owners {
		if strings.Contains(why, "conflicts with pattern "+fmt.Sprintf("%q", other)) {
			return fmt.Errorf("the pattern %q conflicts with %q of %s: requests would match both; change one of them", pattern, other, owner)
		}
	}
	_, why, _ = strings.Cut(why, ": ")
	return fmt.Errorf("the pattern %q is none: %s; write it as in \"GET /orders/{id}\"", pattern, why)
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	s.mux.ServeHTTP(w, r)
}

// Setup takes the address: one that cannot be had is told before anything runs. Clients wait until Start.
func (s *server) Setup(ctx context.Context) (err error) {
	s.listener, err = s.cfg.listen(ctx)
	return err
}

// Start lets clients in.
func (s *server) Start(context.Context) error {
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("HTTP server ended", "err", err)
		}
	}()
	s.log.Info("HTTP server listens", "address", s.listener.Addr().String())
	return nil
}

// Stop takes no further requests, and returns when those that were taken are answered.
func (s *server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	return errors.Join(s.http.Shutdown(ctx), s.close())
}

// Kill hangs up.
func (s *server) Kill() {
	s.draining.Store(true)
	s.http.Close()
	s.close()
}

// close closes the listener of a server that was not started too.
func (s *server) close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
