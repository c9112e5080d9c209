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

	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/service"
)

// A server is the HTTP server of a process. All routes, mounts and websockets share it. It is the
// Entrypoint of the routes, so it begins to listen after their dependencies have started, and stops
// before the workers do.
type server struct {
	cfg        Config
	hooks      Hooks
	log        *slog.Logger
	http       *http.Server
	mux        mux.ServeMux
	root       http.Handler // the middleware around the mux
	host       *service.Host
	places     map[string]place      // by pattern
	admissions map[string]*admission // by service
	forward    *front                // gets all requests instead of the mux; nil if none
	errors     map[errorsOf]errorWriter
	memory     memory

	drain    func()       // closes websockets; nil if there are none
	endFeeds func()       // answers the clients of feeds; nil if there are none
	feeds    atomic.Int64 // clients of feeds

	listener    net.Listener
	connections *connections
	serving     atomic.Bool
	served      chan struct{} // closed when Serve has returned
	draining    atomic.Bool
	killed      chan struct{} // closed by kill
	kill        func()
}

func newServer(h *service.Host) (*server, error) {
	cfg, _ := service.Lookup[Config](h)
	if err := errors.Join(cfg.mistakes("web.Config: ")...); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	httpServer, err := cfg.server(h.Logger())
	if err != nil {
		return nil, fmt.Errorf("web.Config: %w", err)
	}
	s := &server{
		cfg:        cfg,
		host:       h,
		log:        h.Logger(),
		http:       httpServer,
		places:     make(map[string]place),
		admissions: make(map[string]*admission),
		errors:     make(map[errorsOf]errorWriter),
		memory:     memory{limit: cfg.MaxInFlight},
		served:     make(chan struct{}),
		killed:     make(chan struct{}),
	}
	s.kill = sync.OnceFunc(func() { close(s.killed) })
	s.hooks, _ = service.Lookup[Hooks](h)
	s.root = http.HandlerFunc(s.dispatch)
	for i, m := range slices.Backward(s.hooks.Middleware) {
		if m == nil {
			return nil, fmt.Errorf("web.Hooks: Middleware[%d] is nil: remove it", i)
		}
		s.root = m(s.root)
	}
	s.http.Handler = s
	s.connections = &connections{limit: cfg.MaxConnections, feeds: &s.feeds, log: s.log, fresh: make(map[net.Conn]struct{}), idle: make(map[net.Conn]struct{})}
	s.http.ConnState = s.connections.changed
	s.http.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)
	return s, nil
}

// A place is the row or field to which a pattern belongs.
type place struct {
	service, name string
	row           *service.Row // nil for a field
}

// handle registers h for the requests that match the pattern of a row or a field. It is called
// while the application is built. It returns an error if the pattern is wrong.
func (s *server) handle(at place, pattern string, h http.Handler) (err error) {
	defer func() {
		if p := recover(); p != nil { // the mux reports mistakes by panicking
			err = s.patternError(pattern, fmt.Sprint(p))
		}
	}()
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*responseWriter) // dispatch passes this type
		x.inMux, x.pattern = false, pattern
		h.ServeHTTP(w, r)
	}))
	s.places[pattern] = at
	return nil
}

// patternError returns an error for the pattern for which the mux panicked with this message.
func (s *server) patternError(pattern, message string) error {
	for other, at := range s.places {
		if strings.Contains(message, "conflicts with pattern "+strconv.Quote(other)) {
			return fmt.Errorf("the pattern %q conflicts with %q of the row %s of %s: requests would match both; change one of them",
				pattern, other, at.name, at.service)
		}
	}
	_, reason, _ := strings.Cut(message, ": ")
	return fmt.Errorf(`%q is not a pattern: %s: write it as in "GET /orders/{id}"`, pattern, reason)
}

// ServeHTTP answers one request: it assigns the request's id, limits the body, and calls the
// middleware, which calls dispatch.
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
	switch path := r.URL.Path; {
	case path == "" || path != s.cfg.ReadyPath && path != s.cfg.LivePath:
	case path == s.cfg.ReadyPath:
		answerHealth(x, r, "ready", s.host.Ready(s.cfg.ReadyGrace))
		return
	default:
		answerHealth(x, r, "live", nil)
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
	returned := false
	defer func() {
		if !returned {
			s.exited(x, r, recover())
		}
	}()
	s.root.ServeHTTP(x, r)
	returned = true
}

// exited answers a request whose handler has panicked with p or, if p is nil, has ended its
// goroutine. net/http logs a panic, but not the end of a goroutine.
func (s *server) exited(x *responseWriter, r *http.Request, p any) {
	if p != nil {
		panic(p)
	}
	s.log.Error("request failed", "request_id", x.id[0], "err", service.ErrExited)
	if x.status == 0 {
		s.failLine(x, r, newError(service.ErrExited, x.id[0]))
		x.Flush()
	}
}

// requestID returns the id that the client sent if it is short and plain, and otherwise a new one.
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

// ServeReady is a [service.Extension] that opens the server if [Config].ReadyPath or LivePath is
// set, even if the process has no routes. Package runner configures it.
func ServeReady(h *service.Host) error {
	if cfg, _ := service.Lookup[Config](h); cfg.ReadyPath == "" && cfg.LivePath == "" {
		return nil
	}
	_, err := service.Shared(h, newServer)
	return err
}

// answerHealth answers a health check with state or, if why is not nil, with the reason why the
// process is not in that state. It sends a line of text, or JSON if the client prefers that.
func answerHealth(w http.ResponseWriter, r *http.Request, state string, why error) {
	asJSON := prefersJSON(r, false)
	switch {
	case why != nil && asJSON:
		(&Error{Status: http.StatusServiceUnavailable, Message: why.Error()}).Send(w, r)
	case why != nil:
		w.Header().Set("Content-Type", textType)
		send(w, r, http.StatusServiceUnavailable, []byte(why.Error()+"\n"))
	case asJSON:
		w.Header().Set("Content-Type", "application/json")
		send(w, r, http.StatusOK, []byte(`{"status":"`+state+`"}`))
	default:
		w.Header().Set("Content-Type", textType)
		send(w, r, http.StatusOK, []byte(state+"\n"))
	}
}

// dispatch calls the mux's handler for the request. If there is none, it answers instead of the
// mux.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request) {
	x, ok := w.(*responseWriter)
	if !ok { // a middleware has wrapped the writer
		x = &responseWriter{ResponseWriter: w}
	}
	if s.forward != nil {
		s.forward.ServeHTTP(x, r)
		return
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
		s.fail(x, r, errNoMatch)
	case r.Method == http.MethodOptions:
		h.Set("Allow", allow+", OPTIONS")
		x.WriteHeader(http.StatusNoContent)
	default:
		s.failLine(x, r, &Error{Status: refused, Message: "the allowed methods are " + allow})
	}
}

// Setup opens the listener, so that an address in use is reported before anything runs. Clients
// that connect wait until Start.
func (s *server) Setup(ctx context.Context) (err error) {
	s.listener, err = s.cfg.listen(ctx)
	return err
}

// onLoopback reports whether the server listens only on loopback.
func (s *server) onLoopback() bool {
	at, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// Start begins to serve requests.
func (s *server) Start(context.Context) error {
	s.http.BaseContext = func(net.Listener) context.Context { return s.host.Context() } // cancelled when the host's context is
	s.serving.Store(true)
	// close waits for this goroutine. It is not started with Host.Go, because a server that only
	// has mounts is stopped after the goroutines of Go have ended.
	go func() {
		defer close(s.served)
		if err := s.serve(); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.host.Fail(fmt.Errorf("web: %w", err))
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

// Stop refuses further requests after the drain delay, and returns when the running ones have been
// answered.
func (s *server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	if s.serving.Load() && s.cfg.DrainDelay > 0 {
		select {
		case <-time.After(s.cfg.DrainDelay):
		case <-ctx.Done():
		case <-s.killed:
		}
	}
	// Shutdown drops connections whose first request it has not begun to handle: those that are
	// being accepted, and those that it is reading from.
	s.close()
	if s.drain != nil {
		s.drain()
	}
	if s.endFeeds != nil {
		s.endFeeds()
	}
	s.http.SetKeepAlivesEnabled(false)
	s.connections.drained(ctx)
	return s.http.Shutdown(ctx)
}

// Kill closes all connections.
func (s *server) Kill() {
	s.kill()
	s.http.Close()
	s.close()
}

// close closes the listener, even if the server was not started, and waits for the goroutine of
// Start.
func (s *server) close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.serving.Load() {
		<-s.served
	}
}
