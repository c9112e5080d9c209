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

// Config says where the admin address is.
type Config struct {
	// Address is host:port, or unix: and the path of a socket, as in unix:/run/orders/admin.sock.
	// Only the user of the process may open the socket: its mode is 0600. A socket that a process
	// left behind is replaced; one that a process listens on is not.
	Address string

	// ReadyGrace is how long the broker may be away before /ready is answered with 503. The default
	// is 1 minute; a negative value ignores the broker.
	ReadyGrace time.Duration

	// Open opens the address. The default is the function [Open].
	Open func(ctx context.Context, address string) (net.Listener, error)

	// Logger logs requests that fail, and a warning if the address is reachable from other
	// machines. The default is the host's.
	Logger *slog.Logger
}

// check returns an error that says how to write an address if it is not one.
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

// A Server is an admin address that is open.
type Server struct {
	http     *http.Server
	listener net.Listener
	local    bool // only this machine reaches it, by TCP
	served   chan struct{}
}

// Listen opens the admin address of a container, whose modules include [Serve]. It answers from now
// on until Close: call it before the container is started, and Close when it has stopped.
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

// Open opens the socket of an admin address, for [Config].Open of a process that gets it from
// another: host:port, or unix: and a path.
func Open(ctx context.Context, address string) (net.Listener, error) {
	if err := check(address); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(ctx, path)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// Addr returns the address that is open.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// guard refuses what a browser sends for a page of another site. Such a page cannot read the
// answer, unless its site has a name that resolves to this machine.
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

// Close closes the address. Requests that are being answered are cut off when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.served
	return err
}
