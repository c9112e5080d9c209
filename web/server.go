package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/service"
)

// A server is the HTTP server of a process: all that stands on a pattern shares it. It is the Entrypoint of the routes, so
// that it listens when what they need has started, and has answered before the workers end.
type server struct {
	cfg    Config
	hooks  Hooks
	log    *slog.Logger
	http   *http.Server
	mux    *http.ServeMux
	root   http.Handler              // the mux, in the middleware
	field  *service.Field            // the first of them
	fields map[string]*service.Field // by their patterns
	crowds map[string]*crowd         // by their services

	drain func() // ends what has left HTTP; nil if there is nothing of that kind

	listener net.Listener
	serving  atomic.Bool
	served   chan struct{} // closed when nothing is accepted any more
	draining atomic.Bool
	killed   chan struct{}
	kill     func() // closes killed
}

func newServer(c *service.Container) (*server, error) {
	cfg, _ := service.Lookup[Config](c)
	if err := errors.Join(cfg.mistakes("web.Config: ")...); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	httpServer, err := cfg.server()
	if err != nil {
		return nil, fmt.Errorf("web.Config: %w", err)
	}
	s := &server{
		cfg:    cfg,
		log:    c.Logger(),
		http:   httpServer,
		mux:    http.NewServeMux(),
		fields: make(map[string]*service.Field),
		crowds: make(map[string]*crowd),
		served: make(chan struct{}),
		killed: make(chan struct{}),
	}
	s.kill = sync.OnceFunc(func() { close(s.killed) })
	s.hooks, _ = service.Lookup[Hooks](c)
	s.root = http.HandlerFunc(s.route)
	for i, m := range slices.Backward(s.hooks.Middleware) {
		if m == nil {
			return nil, fmt.Errorf("web.Hooks: Middleware[%d] is nil: leave it out", i)
		}
		s.root = m(s.root)
	}
	s.http.Handler = s
	s.http.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
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
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*responseWriter) // see route
		x.inMux, x.pattern = false, pattern
		h.ServeHTTP(w, r)
	}))
	s.fields[pattern] = f
	if s.field == nil {
		s.field = f
	}
	return nil
}

// refused is the mistake of a pattern, by what the mux has panicked with.
func (s *server) refused(pattern, why string) error {
	for other, f := range s.fields {
		if strings.Contains(why, "conflicts with pattern "+strconv.Quote(other)) {
			return fmt.Errorf("the pattern %q conflicts with %q of the row %s of %s: requests would match both; change one of them",
				pattern, other, f.Name, f.Service)
		}
	}
	_, reason, _ := strings.Cut(why, ": ")
	return fmt.Errorf("the pattern %q is none: %s; write it as in \"GET /orders/{id}\"", pattern, reason)
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &responseWriter{ResponseWriter: w, server: s, http2: r.ProtoMajor == 2}
	defer x.end()
	h := w.Header()
	x.id[0] = requestID(r)
	h["X-Request-Id"] = x.id[:]
	if s.draining.Load() {
		h.Set("Connection", "close")
	}
	if path := s.cfg.ReadyPath; path != "" && r.URL.Path == path {
		s.ready(x, r)
		return
	}
	if !s.cfg.NoAccessLog {
		defer s.logAccess(r, x, began)
	}
	if limit := s.cfg.MaxBody; r.ContentLength > limit {
		s.fail(x, r, tooLarge(limit))
		return
	}
	s.limitBody(w, r)
	s.root.ServeHTTP(x, r)
}

// ready tells a load balancer whether to send requests here.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ready\n"
	if s.draining.Load() {
		status, text = http.StatusServiceUnavailable, "stopping\n"
	}
	w.Header().Set("Content-Type", textType)
	send(w, r, status, []byte(text))
}

// requestID is the id that a request came with, or one of its own.
func requestID(r *http.Request) string {
	if given := r.Header["X-Request-Id"]; len(given) == 1 && 0 < len(given[0]) && len(given[0]) <= 128 {
		plain := func(c rune) bool {
			return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.:/+=@", c)
		}
		if strings.IndexFunc(given[0], func(c rune) bool { return !plain(c) }) < 0 {
			return given[0]
		}
	}
	return uuid.NewString()
}

// route has the mux find who answers, and answers in its place when nobody does.
func (s *server) route(w http.ResponseWriter, r *http.Request) {
	x, ok := w.(*responseWriter)
	if !ok {
		x = &responseWriter{ResponseWriter: w}
	}
	x.inMux = true
	s.mux.ServeHTTP(x, r)
	refused := x.refused
	if refused == 0 {
		return
	}
	x.refused, x.inMux = 0, false
	h := w.Header()
	h.Del("Content-Type")
	allow := h.Get("Allow")
	switch {
	case refused == http.StatusNotFound:
		s.fail(x, r, &Error{Status: refused, Message: "nothing is at this path"})
	case r.Method == http.MethodOptions:
		h.Set("Allow", allow+", OPTIONS")
		x.WriteHeader(http.StatusNoContent)
	default:
		s.fail(x, r, &Error{Status: refused, Message: "allowed are " + allow})
	}
}

// Setup takes the address: one that cannot be had is told before anything runs. Clients wait until Start.
func (s *server) Setup(ctx context.Context) (err error) {
	s.listener, err = s.cfg.listen(ctx)
	return err
}

// Start lets clients in.
func (s *server) Start(context.Context) error {
	life := make(chan context.Context, 1)
	s.field.Go(func(ctx context.Context) { life <- ctx })
	container := <-life
	s.http.BaseContext = func(net.Listener) context.Context { return container } // requests end with it
	s.serving.Store(true)
	go func() { // close waits for it: one of mounts only is stopped when the goroutines of fields have ended
		defer close(s.served)
		if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
			s.field.Fail(err) // who takes no connections is no server
		}
	}()
	s.log.Info("HTTP server listens", "address", s.listener.Addr().String())
	return nil
}

func (s *server) serve() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// Stop takes no further requests, and returns when those that were taken are answered.
func (s *server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	if s.serving.Load() && s.cfg.DrainDelay > 0 {
		select {
		case <-time.After(s.cfg.DrainDelay):
		case <-ctx.Done():
		case <-s.killed:
		}
	}
	if s.drain != nil {
		s.drain()
	}
	err := s.http.Shutdown(ctx)
	s.close()
	return err
}

// Kill hangs up.
func (s *server) Kill() {
	s.kill()
	s.http.Close()
	s.close()
}

// close closes the listener of a server that was not started too, and waits for its goroutine.
func (s *server) close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.serving.Load() {
		<-s.served
	}
}
