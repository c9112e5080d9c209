package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// A Socket is an open websocket. A [SocketMethod] may take it as its first parameter after ctx.
type Socket struct {
	// ID identifies the socket in the functions of a [Hub]. The event connected tells it to the
	// client.
	ID string

	server   *socketServer
	conn     *websocket.Conn
	data     map[string]any           // context data of its calls
	turns    map[*socketRow]chan bool // semaphores that limit running requests, by row; nil is for rows whose requests run in order
	used     atomic.Int64             // time of the last request or event, in Unix nanoseconds
	channels map[string]struct{}      // guarded by the hub
	out      outbox
}

// errGone is the cause of a call's cancellation when its socket is closed.
var errGone = gone{}

type gone struct{}

func (gone) Error() string { return "the socket was closed" }

// Expected returns true, because clients may disconnect at any time.
func (gone) Expected() bool { return true }

// serve handles the client's frames until either side closes the socket.
func (s *Socket) serve(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.out.start(func() { cancel(errGone) })
	s.server.log.Debug("websocket opened", "socket_id", s.ID)
	seen, observers := service.ObservedSocket{ID: s.ID, Opened: time.Now()}, s.server.host.Observers()
	observers.SocketOpened(seen)
	defer observers.SocketClosed(seen)
	s.conn.SetReadLimit(int64(s.server.cfg.MaxFrame))
	s.conn.SetPongHandler(func(string) error { s.heard(); return nil })
	var err error
	for err == nil {
		h := &hold{memory: &s.server.http.memory, cut: func() { _ = s.conn.NetConn().SetReadDeadline(past) }}
		var frame []byte
		if frame, err = s.readFrame(h); err == nil {
			err = s.handle(ctx, frame, h)
		} else {
			h.release()
		}
	}
	s.server.hub.remove(s)
	s.out.end()
	s.linger()
	s.conn.Close()
	s.server.log.Debug("websocket closed", "socket_id", s.ID, "err", clip.Text(fmt.Sprint(err), clip.Log))
}

// readFrame reads the next frame. It closes the socket if the frame is too large, if it is not
// UTF-8, or if there is no memory for it.
func (s *Socket) readFrame(h *hold) (frame []byte, err error) {
	s.heard()
	kind, r, err := s.conn.NextReader()
	if err == nil {
		frame, err = readInto(h, r, 0)
	}
	full := (*Error)(nil)
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		s.refuse(websocket.CloseMessageTooBig, fmt.Sprintf("frame over %d bytes", s.server.cfg.MaxFrame))
	case errors.As(err, &full):
		s.refuse(websocket.CloseTryAgainLater, full.Message)
	case err == nil:
		if full = h.arrived(); full != nil {
			err = full
		}
	}
	if err != nil {
		return nil, err
	}
	if kind == websocket.TextMessage && !utf8.Valid(frame) {
		s.refuse(websocket.CloseInvalidFramePayloadData, "text that is not UTF-8")
		return nil, errors.New("text frame is not UTF-8")
	}
	s.touch()
	return frame, nil
}

// handle waits until the frame's request may run, and runs it in a goroutine. It releases the
// frame's memory.
func (s *Socket) handle(ctx context.Context, frame []byte, h *hold) error {
	r, malformed := parseFrame(ctx, frame, s.server.http.cfg.MaxDecoded)
	row := s.server.methods[r.method]
	turn := s.turn(row)
	select {
	case turn <- true:
	case <-ctx.Done():
		h.release()
		return context.Cause(ctx)
	}
	if !s.out.beginCall() { // the process is stopping
		h.release()
		<-turn
		return nil
	}
	s.server.host.Go(func(context.Context) {
		answer := errorFrame(r.id, publicError("", service.ErrExited)) // sent unless call returns
		defer func() {
			h.release()
			f, full := s.out.newFrame(answer)
			if full != nil {
				f = s.server.hub.newFrame(errorFrame(r.id, publicError("", full)))
			}
			s.out.sendResult(ctx, f)
			s.out.endCall()
			<-turn
		}()
		answer = s.call(ctx, row, r, malformed)
	})
	return nil
}

// turn returns the semaphore for requests of a row. Only serve calls it.
func (s *Socket) turn(row *socketRow) chan bool {
	size := 1
	if row != nil && row.atOnce > 0 {
		size = row.atOnce
	} else {
		row = nil
	}
	if s.turns[row] == nil {
		if s.turns == nil {
			s.turns = make(map[*socketRow]chan bool, 1)
		}
		s.turns[row] = make(chan bool, size)
	}
	return s.turns[row]
}

// call runs a request and returns the frame that answers it.
func (s *Socket) call(ctx context.Context, row *socketRow, r request, malformed error) []byte {
	if malformed == nil && row == nil {
		malformed = errNoMethod
	}
	if malformed != nil {
		s.server.log.Debug("bad request by websocket", "socket_id", s.ID, "err", clip.Error(malformed))
		return errorFrame(r.id, rpcerror.From(malformed))
	}
	if why := row.Unavailable(); why != nil {
		return errorFrame(r.id, publicError("", unavailable(why)))
	}
	req := service.Request{
		ID:        id.New(""),
		Data:      s.data,
		Arguments: r.args,
		Limit:     max(0, s.server.http.cfg.Timeout),
	}
	if row.socket {
		req.Leading = []any{s}
	}
	result, err := row.Run(ctx, req)
	callID := row.CallID(req.ID)
	if err != nil {
		return errorFrame(r.id, publicError(callID, err))
	}
	frame, err := resultFrame(s.server.hub.codec, r.id, result)
	if err != nil {
		row.Logger().Error("result cannot be sent", "call_id", callID, "err", clip.Error(err))
		return errorFrame(r.id, rpcerror.NewUnserializable(result, nil))
	}
	return frame
}

// publicError returns a call's error as the client sees it. As over HTTP, an unexpected error only
// shows the call's id.
func publicError(callID string, err error) *rpcerror.Error {
	e := newError(err, callID)
	if e.Status < http.StatusInternalServerError && !errors.As(err, new(*Error)) {
		return rpcerror.Original(err)
	}
	return rpcerror.New("gomeko.web."+e.kind(), e.Message)
}

// sendEvent sends an event, and reports whether the socket is open.
func (s *Socket) sendEvent(f *frame) bool {
	s.touch()
	return s.out.sendEvent(f)
}

// sendOwn sends an event to this socket only, and reports whether the socket is open. If there is
// no memory for the event, the event is dropped or the socket is closed, depending on
// [Sockets].DropEvents.
func (s *Socket) sendOwn(event []byte) bool {
	f, full := s.out.newFrame(event)
	if full == nil {
		defer f.release()
		return s.sendEvent(f)
	}
	if s.server.cfg.DropEvents {
		return true
	}
	s.out.close(websocket.CloseTryAgainLater, full.Message)
	return false
}

// heard moves the deadline for the client's next frame or pong.
func (s *Socket) heard() {
	if ping := s.server.cfg.Ping; ping > 0 {
		s.out.extend(2 * ping)
	}
}

// touch records that the socket is in use.
func (s *Socket) touch() { s.used.Store(time.Now().UnixNano()) }

// idleTime returns how long the socket has not been in use.
func (s *Socket) idleTime() time.Duration { return time.Since(time.Unix(0, s.used.Load())) }

// refuse sends a close frame before the frames that wait.
func (s *Socket) refuse(code int, why string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(closeTimeout))
}

// linger reads and discards for a moment what the client still sends. Closing a connection with
// unread data would reset it, and the client would not receive the close frame.
func (s *Socket) linger() {
	conn := s.conn.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	conn.SetReadDeadline(time.Now().Add(closeTimeout))
	_, _ = io.Copy(io.Discard, conn)
}
