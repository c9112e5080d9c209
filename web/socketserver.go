package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/service"
)

const (
	// writeTimeout limits the time to write a frame.
	writeTimeout = 10 * time.Second

	// closeTimeout limits the time that a client takes to answer a close frame.
	closeTimeout = time.Second
)

// A socketServer opens and closes the websockets of a process. Its SocketMethods and Hubs share it.
type socketServer struct {
	cfg      Sockets
	log      *slog.Logger
	upgrader websocket.Upgrader
	http     *server
	host     *service.Host
	methods  map[string]*socketRow
	hub      hub
	monitors sync.Once
}

func newSocketServer(h *service.Host) (*socketServer, error) {
	all, _ := service.Lookup[Config](h)
	all = all.withDefaults()
	cfg := all.Sockets
	ss := &socketServer{
		cfg:  cfg,
		log:  h.Logger(),
		host: h,
		upgrader: websocket.Upgrader{
			ReadBufferSize:   1024,
			WriteBufferPool:  new(sync.Pool),
			HandshakeTimeout: writeTimeout,
			CheckOrigin:      func(*http.Request) bool { return true }, // admit checks it
		},
		methods: map[string]*socketRow{},
		hub: hub{
			closed:   make(chan struct{}),
			cfg:      cfg,
			codec:    all.Codec,
			memory:   memory{limit: int64(cfg.MaxQueued)},
			sockets:  map[string]*Socket{},
			channels: map[string]map[*Socket]struct{}{},
		},
	}
	if all.Hub != hubFleet {
		return ss, nil
	}
	join, ok := service.Lookup[Fleet](h)
	if !ok {
		return nil, errors.New(`web.Config: Hub is "fleet", but nothing connects the processes: add service.Configure(fleet.Hub()) to the services`)
	}
	var err error
	ss.hub.relay, err = newRelay(h, &ss.hub, all.Feeds, join)
	return ss, err
}

// serveFeeds returns the relay of the hub, for feeds.
func (ss *socketServer) serveFeeds(s *server) (_ *relay, err error) {
	if ss.hub.relay == nil {
		if ss.hub.relay, err = newRelay(ss.host, &ss.hub, s.cfg.Feeds, nil); err != nil {
			return nil, err
		}
	}
	ss.hub.relay.serves = true
	s.endFeeds = ss.hub.relay.end
	return ss.hub.relay, nil
}

// addMethod adds a row under the name of its method. The first one makes the server answer GET /ws.
func (ss *socketServer) addMethod(name string, row *socketRow) (service.Entrypoint, error) {
	if other := ss.methods[name]; other != nil {
		return nil, fmt.Errorf("method %q of /ws is taken by the row %s of %s: give one of them another name",
			name, other.Name, other.Service)
	}
	ss.methods[name] = row
	if ss.http != nil {
		return ss.http, nil
	}
	s, err := service.Shared(row.Host, newServer)
	if err != nil {
		return nil, err
	}
	ss.http = s
	ss.upgrader.Error = func(w http.ResponseWriter, r *http.Request, status int, why error) {
		w.Header().Set("Sec-Websocket-Version", "13")
		s.fail(w, r, &Error{Status: status, Message: why.Error()})
	}
	s.drain = ss.drain
	if r := ss.hub.relay; r != nil {
		r.serves = true
	}
	return s, s.handle(place{row.Service, row.Name, row.Row}, "GET /ws", ss)
}

// ServeHTTP upgrades a request to a websocket.
func (ss *socketServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var data map[string]any
	if websocket.IsWebSocketUpgrade(r) { // Upgrade refuses other requests
		var err error
		if data, err = ss.admit(r); err != nil {
			ss.log.Warn("websocket refused", "remote", r.RemoteAddr, "err", clip.Error(err))
			ss.http.fail(w, r, newError(err, w.Header().Get("X-Request-Id")))
			return
		}
	}
	conn, err := ss.upgrader.Upgrade(hijacker{w}, r, nil)
	if err != nil {
		ss.log.Debug("no websocket", "remote", r.RemoteAddr, "err", clip.Error(err))
		return
	}
	ss.open(conn, data)
}

// admit returns the context data for a new socket's calls, or an error that says why the socket is
// refused.
func (ss *socketServer) admit(r *http.Request) (map[string]any, error) {
	if ss.http.draining.Load() {
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: "the service is stopping"}
	}
	if err := ss.checkOrigin(r); err != nil {
		return nil, err
	}
	if ss.hub.full() {
		return nil, errSockets
	}
	return ss.http.hooks.data(r)
}

var errSockets = &Error{Status: http.StatusServiceUnavailable, Message: "too many websockets are open: try again"}

// checkOrigin returns an error if the request comes from a page that may not open websockets. A
// server on loopback does not accept every host name as its own, because a foreign page can have
// its name resolve to 127.0.0.1.
func (ss *socketServer) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(ss.cfg.Origins, "*") || slices.Contains(ss.cfg.Origins, origin) {
		return nil
	}
	u, err := url.Parse(origin)
	own := err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	if own && (!ss.http.onLoopback() || mux.IsLoopback(mux.HostName(r.Host))) {
		return nil
	}
	return &Error{
		Status:  http.StatusForbidden,
		Message: fmt.Sprintf("pages of origin %q must not open websockets on %q: add the origin to gomeko.web.socket_origins to allow it", origin, r.Host),
	}
}

// A hijacker finds the connection behind the writers of the middleware. It implements
// [http.Hijacker].
type hijacker struct{ http.ResponseWriter }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}

// open starts a socket. Its first frame is the event connected.
func (ss *socketServer) open(conn *websocket.Conn, data map[string]any) {
	s := &Socket{ID: ss.hub.socketID(), server: ss, conn: conn, data: data, out: outbox{server: ss, conn: conn}}
	text, _ := eventFrame(ss.hub.codec, "connected", map[string]string{"socket_id": s.ID})
	connected := ss.hub.newFrame(text)
	opened := ss.hub.add(s, func() {
		s.touch()
		ss.monitors.Do(func() { ss.host.Go(ss.monitor) })
		ss.host.Go(s.serve)
		s.sendEvent(connected)
	})
	connected.release()
	if !opened {
		conn.Close()
	}
}

// monitor pings the sockets, and closes those that are idle.
func (ss *socketServer) monitor(ctx context.Context) {
	every := ss.cfg.Ping
	if every < 0 {
		every = ss.cfg.Idle
	}
	if every <= 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ss.hub.closed:
			return
		case <-ctx.Done():
			return
		}
		for _, s := range ss.hub.open() {
			switch {
			case ss.cfg.Idle > 0 && s.idleTime() >= ss.cfg.Idle:
				s.out.close(websocket.CloseGoingAway, "idle")
			case ss.cfg.Ping > 0:
				s.out.ping()
			}
		}
	}
}

// drain closes each socket once its running requests have been answered.
func (ss *socketServer) drain() {
	for _, s := range ss.hub.close() {
		s.out.drain()
	}
}

// Kill disconnects the sockets.
func (ss *socketServer) Kill() {
	for _, s := range ss.hub.close() {
		s.conn.Close()
	}
}
