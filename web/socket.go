package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// A Socket is one websocket, from its upgrade until it is closed. A [SocketMethod] gets the one that it is called by.
type Socket struct {
	// ID tells the socket from all others; its client knows it too. It is what a [Hub] takes.
	ID string

	board    *switchboard
	conn     *websocket.Conn
	data     map[string]any           // context data of its calls
	gates    map[*socketRow]chan bool // the reader's: room for requests that run; nil for those in order
	used     atomic.Int64             // when there was a request or an event, in Unix nanoseconds
	channels map[string]struct{}      // guarded by the switchboard

	outbox
}

// errGone is the cause that calls end for when their socket does.
var errGone = gone{}

type gone struct{}

func (gone) Error() string { return "the socket was closed" }

// Expected returns true: clients come and go.
func (gone) Expected() bool { return true }

// read takes the frames of the client until one side closes. It owns the socket: with it, all ends.
func (s *Socket) read(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.begin(func() { cancel(errGone) })
	s.board.log.Debug("websocket opened", "socket_id", s.ID)
	s.conn.SetReadLimit(int64(s.board.cfg.MaxFrame))
	s.conn.SetPongHandler(func(string) error { s.heard(); return nil })
	err := s.take(ctx)
	s.board.drop(s)
	s.end()
	s.linger()
	s.conn.Close()
	s.board.log.Debug("websocket closed", "socket_id", s.ID, "err", err)
}

// take runs requests until there are no more.
func (s *Socket) take(ctx context.Context) error {
	for {
		s.heard()
		kind, frame, err := s.conn.ReadMessage()
		if errors.Is(err, websocket.ErrReadLimit) {
			s.refuse(websocket.CloseMessageTooBig, fmt.Sprintf("frame over %d bytes", s.board.cfg.MaxFrame))
		}
		if err != nil {
			return err
		}
		if kind == websocket.TextMessage && !utf8.Valid(frame) {
			s.refuse(websocket.CloseInvalidFramePayloadData, "text that is not UTF-8")
			return errors.New("text frame is not UTF-8")
		}
		s.touch()
		if err := s.request(ctx, frame); err != nil {
			return err
		}
	}
}

// request runs what a frame asks for when its turn has come, in a goroutine.
func (s *Socket) request(ctx context.Context, frame []byte) error {
	r, bad := readRequest(frame)
	row := s.board.rows[r.method]
	gate := s.gate(row)
	select {
	case gate <- true:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !s.occupy() { // the process stops: it is not taken on
		<-gate
		return nil
	}
	s.board.field.Go(func(context.Context) {
		s.send(ctx, s.board.answer(ctx, s, row, r, bad))
		s.leave()
		<-gate
	})
	return nil
}

// gate is where requests of a row wait for each other. It is the reader's.
func (s *Socket) gate(row *socketRow) chan bool {
	size := 1
	if row != nil && row.atOnce > 0 {
		size = row.atOnce
	} else {
		row = nil
	}
	if s.gates[row] == nil {
		if s.gates == nil {
			s.gates = make(map[*socketRow]chan bool, 1)
		}
		s.gates[row] = make(chan bool, size)
	}
	return s.gates[row]
}

// contextData is of one call: it may change it.
func (s *Socket) contextData() map[string]any {
	data := make(map[string]any, len(s.data))
	maps.Copy(data, s.data)
	return data
}

// heard gives the client time for its next sign of life.
func (s *Socket) heard() {
	if ping := s.board.cfg.Ping; ping > 0 {
		s.extend(2 * ping)
	}
}

// touch says that the socket is in use.
func (s *Socket) touch() { s.used.Store(time.Now().UnixNano()) }

// unused is how long it has not been.
func (s *Socket) unused() time.Duration { return time.Since(time.Unix(0, s.used.Load())) }

// refuse closes at once, ahead of what waits to be sent: what the client does cannot go on.
func (s *Socket) refuse(code int, why string) {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(closeTime))
}

// linger reads what the client still sends, for a moment: a connection that is closed with something unread is reset, and
// the client would never see why.
func (s *Socket) linger() {
	conn := s.conn.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	conn.SetReadDeadline(time.Now().Add(closeTime))
	_, _ = io.Copy(io.Discard, conn)
}

// Hijack implements [http.Hijacker], through whatever is around the connection.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(h.ResponseWriter).Hijack()
}
