package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

const (
	// writeTime is how long a frame may take to be written.
	writeTime = 10 * time.Second

	// closeTime is how long a peer has to answer a close.
	closeTime = time.Second
)

// A switchboard is what the socket methods and the hubs of a container share: the sockets that are open.
type switchboard struct {
	cfg      Sockets
	log      *slog.Logger
	upgrader websocket.Upgrader
	server   *server
	field    *service.Field // one of the rows, whose goroutines all are
	rows     map[string]*socketRow
	beats    sync.Once

	mu       sync.RWMutex
	stopped  chan struct{} // closed when nothing is taken on any more
	sockets  map[string]*Socket
	channels map[string]map[*Socket]struct{}
}

func newSwitchboard(c *service.Container) (*switchboard, error) {
	cfg, _ := service.Lookup[Config](c)
	return &switchboard{
		cfg: cfg.withDefaults().Sockets,
		log: c.Logger(),
		upgrader: websocket.Upgrader{
			ReadBufferSize:   1024,
			WriteBufferPool:  new(sync.Pool),
			HandshakeTimeout: writeTime,
			CheckOrigin:      func(*http.Request) bool { return true }, // ServeHTTP has checked it
		},
		rows:     map[string]*socketRow{},
		stopped:  make(chan struct{}),
		sockets:  map[string]*Socket{},
		channels: map[string]map[*Socket]struct{}{},
	}, nil
}

// serve adds a method. The first one has the server answer at /ws.
func (b *switchboard) serve(method string, row *socketRow) (service.Entrypoint, error) {
	if other := b.rows[method]; other != nil {
		return nil, fmt.Errorf("method %q of /ws is taken by the row %s of %s: give one of them another name",
			method, other.field.Name, other.field.Service)
	}
	b.rows[method] = row
	if b.server != nil {
		return b.server, nil
	}
	s, err := service.Shared(row.field.Host, newServer)
	if err != nil {
		return nil, err
	}
	b.field, b.server = row.field, s
	b.upgrader.Error = func(w http.ResponseWriter, r *http.Request, status int, why error) {
		w.Header().Set("Sec-Websocket-Version", "13")
		s.fail(w, r, &Error{Status: status, Message: why.Error()})
	}
	s.drain = b.drain
	return s, s.handle(row.field, "GET /ws", b)
}

// ServeHTTP makes a socket of a request.
func (b *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var data map[string]any
	if websocket.IsWebSocketUpgrade(r) { // else Upgrade refuses it
		var err error
		if data, err = b.admit(r); err != nil {
			b.log.Warn("websocket refused", "remote", r.RemoteAddr, "err", err)
			b.server.fail(w, r, newError(err, w.Header().Get("X-Request-Id")))
			return
		}
	}
	conn, err := b.upgrader.Upgrade(hijackable{w}, r, nil)
	if err != nil {
		b.log.Debug("no websocket", "remote", r.RemoteAddr, "err", err)
		return
	}
	b.open(conn, data)
}

// admit returns the context data of a socket, or says why it may not be opened.
func (b *switchboard) admit(r *http.Request) (map[string]any, error) {
	if b.server.draining.Load() {
		return nil, &Error{Status: http.StatusServiceUnavailable, Message: "the service stops"}
	}
	if err := b.allowed(r); err != nil {
		return nil, err
	}
	var call service.Call
	err := b.server.data(&call, r)
	return call.Data, err
}

// allowed returns an error for a page of an origin that may open no sockets.
func (b *switchboard) allowed(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(b.cfg.Origins, "*") || slices.Contains(b.cfg.Origins, origin) {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	return &Error{
		Status:  http.StatusForbidden,
		Message: fmt.Sprintf("pages of origin %q may open no sockets on %q: name it in gomeko.web.socket_origins if they may", origin, r.Host),
	}
}

// hijackable finds the connection below what middleware has put around w.
type hijackable struct{ http.ResponseWriter }

// open adds a socket, which is told so before all else.
func (b *switchboard) open(conn *websocket.Conn, data map[string]any) {
	s := &Socket{ID: uuid.NewString(), board: b, conn: conn, data: data}
	connected, _ := eventFrame("connected", map[string]string{"socket_id": s.ID})
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.stopped:
		conn.Close()
		return
	default:
	}
	b.sockets[s.ID] = s
	s.touch()
	b.beats.Do(func() { b.field.Go(b.beat) })
	b.field.Go(s.read)
	s.tell(connected)
}

// drop forgets a socket.
func (b *switchboard) drop(s *Socket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sockets, s.ID)
	for channel := range s.channels {
		b.leave(s, channel)
	}
}

// all returns the sockets that are open.
func (b *switchboard) all() []*Socket {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]*Socket, 0, len(b.sockets))
	for _, s := range b.sockets {
		all = append(all, s)
	}
	return all
}

// stop takes nothing more on, and returns the sockets that are open.
func (b *switchboard) stop() []*Socket {
	b.mu.Lock()
	select {
	case <-b.stopped:
	default:
		close(b.stopped)
	}
	b.mu.Unlock()
	return b.all()
}

// drain closes each socket when the requests that it has been running are answered.
func (b *switchboard) drain() {
	for _, s := range b.stop() {
		s.drain()
	}
}

// Kill hangs up.
func (b *switchboard) Kill() {
	for _, s := range b.stop() {
		s.conn.Close()
	}
}

// beat asks the sockets again and again whether they are there, and ends those that nobody uses.
func (b *switchboard) beat(ctx context.Context) {
	every := b.cfg.Ping
	if every < 0 {
		every = b.cfg.Idle
	}
	if every <= 0 {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-b.stopped:
			return
		case <-ctx.Done():
			return
		}
		for _, s := range b.all() {
			switch {
			case b.cfg.Idle > 0 && s.unused() >= b.cfg.Idle:
				s.close(websocket.CloseGoingAway, "idle")
			case b.cfg.Ping > 0:
				s.ping()
			}
		}
	}
}

// answer runs a request and returns the frame that tells its outcome.
func (b *switchboard) answer(ctx context.Context, s *Socket, row *socketRow, r request, bad error) []byte {
	if bad == nil && row == nil {
		bad = errNoMethod
	}
	if bad != nil {
		b.log.Debug("bad request by websocket", "socket_id", s.ID, "err", bad)
		return errorFrame(r.id, rpc.AsError(bad))
	}
	call := &service.Call{Data: s.contextData()}
	call.Limit(max(0, b.server.cfg.Timeout))
	var lead []any
	if row.lead {
		lead = []any{s}
	}
	result, err := row.field.Run(ctx, call, r.args, lead...)
	if err != nil {
		return errorFrame(r.id, public(call, err))
	}
	frame, err := resultFrame(r.id, result)
	if err != nil {
		b.log.Error("result cannot be sent", "service", call.Service, "method", call.Method, "call_id", call.ID, "err", err)
		return errorFrame(r.id, unserializable(result))
	}
	return frame
}

// public is an error of a call as browsers may see it: as over HTTP they are told nothing of a fault but the call's id.
func public(call *service.Call, err error) *rpc.Error {
	e := newError(err, call.ID)
	if e.Status < http.StatusInternalServerError && !errors.As(err, new(*Error)) {
		return rpc.AsError(err)
	}
	return rpc.NewError("gomeko.web."+e.kind(), e.Message)
}
