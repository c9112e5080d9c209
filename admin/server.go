package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/service"
)

// Config configures [Listen].
type Config struct {
	// Address is host:port, or unix: followed by the path of a socket, as in
	// unix:/run/orders/admin.sock. The socket has mode 0600, so only the user of the process may
	// open it. A socket left behind by an earlier process is replaced; a socket on which a process
	// listens is not.
	Address string

	// ReadyGrace is how long the broker may be unavailable before /ready answers 503. The default
	// is 1 minute; a negative value ignores the broker.
	ReadyGrace time.Duration

	// Open opens the address. The default is the function [Open].
	Open func(ctx context.Context, address string) (net.Listener, error)

	// Logger logs failed requests, and a warning if the address is reachable from other machines.
	// The default is the host's logger.
	Logger *slog.Logger
}

// check returns an error that shows the form of an address if this is not one.
func check(address string) error {
	path, isPath := strings.CutPrefix(address, "unix:")
	_, _, err := net.SplitHostPort(address)
	switch {
	case isPath && path == "":
		return errors.New("unix: must be followed by the path of a socket, as in unix:/run/orders/admin.sock")
	case isPath && path[0] == '@':
		return errors.New("must not be an abstract socket, which every user may open: write a path, as in unix:/run/orders/admin.sock")
	case !isPath && err != nil:
		return fmt.Errorf("must be host:port or unix:/path, as in 127.0.0.1:9090, not %q", address)
	}
	return nil
}

// A Server serves an open admin address.
type Server struct {
	http     *http.Server
	listener net.Listener
	local    bool // a TCP address that only this machine can reach
	served   chan struct{}
}

// Listen opens the admin address of a container, whose modules must include [Serve]. It serves
// until Close is called. Call it before the container starts, and call Close after the container
// has stopped.
func Listen(ctx context.Context, cfg Config, h *service.Host) (*Server, error) {
	if err := check(cfg.Address); err != nil {
		return nil, fmt.Errorf("admin address: %w", err)
	}
	p, err := service.Shared(h, newPaths)
	if err != nil {
		return nil, fmt.Errorf("admin address: %w: configure admin.Serve as an extension", err)
	}
	p.grace = cmp.Or(cfg.ReadyGrace, defaultGrace)
	logger := cmp.Or(cfg.Logger, h.Logger())
	s := &Server{served: make(chan struct{})}
	open := cfg.Open
	if open == nil {
		open = Open
	}
	if s.listener, err = open(ctx, cfg.Address); err != nil {
		return nil, fmt.Errorf("admin address: %w", err)
	}
	if at, ok := s.listener.Addr().(*net.TCPAddr); ok {
		s.local = at.IP.IsLoopback()
		if !s.local {
			logger.Warn("the admin address is reachable from other machines, and asks for no login", "address", at.String(),
				"remedy", "use 127.0.0.1 or unix:/path, or let only those who may see profiles and metrics reach the port")
		}
	}
	s.http = &http.Server{
		Handler:           s.guard(p.mux),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	p.opened = true
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the admin address does not answer any more", "err", err)
		}
	}()
	return s, nil
}

// Open opens a listener for an admin address: host:port, or unix: and a path. A process calls it to
// open the address on behalf of another, which receives the listener with its [Config].Open.
func Open(ctx context.Context, address string) (net.Listener, error) {
	if err := check(address); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(ctx, path)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// Addr returns the address on which the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// guard refuses requests that a browser sends for a page of another site. Such a page could not
// read the response anyway, unless its host name resolves to this machine.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case site != "" && site != "same-origin" && site != "none":
			http.Error(w, "requests of pages of other sites are refused", http.StatusForbidden)
		case s.local && !mux.IsLoopback(mux.HostName(r.Host)):
			http.Error(w, "the host must be localhost or a loopback address", http.StatusForbidden)
		default:
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}

// Close closes the address. It waits for running requests, and cuts them off when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.served
	return err
}
