package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
)

// A Socket is a websocket client of the services. Several goroutines may use it.
type Socket struct {
	ID string // as in web.Socket

	conn  *websocket.Conn
	ended chan struct{} // closed when the socket is no longer read

	writing sync.Mutex // held while a request is written

	mu      sync.Mutex
	asked   int
	answers map[int]chan *answer
	events  []answer
	more    chan struct{} // closed when there is an event; nil if nobody waits
	err     error         // why the socket is no longer read
}

// An answer is a frame from the services: see docs/wire/nameko.md, Websockets.
type answer struct {
	Type    string          `json:"type"`
	Event   string          `json:"event"`
	Success bool            `json:"success"`
	Data    json.RawMessage `json:"data"`
	Error   *rpc.Error      `json:"error"`
	ID      int             `json:"correlation_id"`
}

// Socket opens a websocket in memory. The request has the headers, such as Authorization. The
// socket is closed when the test ends. If the services refuse it, the test fails.
func (h *Host) Socket(headers ...http.Header) *Socket {
	h.t.Helper()
	all := http.Header{}
	for _, header := range headers {
		for name, values := range header {
			all[name] = append(all[name], values...)
		}
	}
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.web.dial(ctx) }}
	conn, refused, err := dialer.DialContext(h.t.Context(), "ws://services/ws", all)
	if err != nil {
		if refused != nil {
			err = fmt.Errorf("%w: %s", err, refused.Status)
		}
		h.t.Fatalf("websocket: %v", err)
	}
	s := &Socket{conn: conn, ended: make(chan struct{}), answers: map[int]chan *answer{}}
	go s.read()
	h.t.Cleanup(func() {
		s.Close()
		<-s.ended
	})
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	var connected struct {
		ID string `json:"socket_id"`
	}
	if _, err := s.Event(ctx, &connected); err != nil {
		h.t.Fatalf("websocket: %v", err)
	}
	s.ID = connected.ID
	return s
}

// Call calls a method that has a row web.SocketMethod. It stores the result in the pointer result,
// unless that is nil. Arguments are passed by name, in one [rpc.Kwargs]. An error of the method is
// an *[rpc.Error]. If ctx has no deadline, Call waits for at most 30 seconds.
func (s *Socket) Call(ctx context.Context, method string, result any, args ...any) error {
	kwargs, err := named(args)
	if err == nil && result != nil {
		err = codec.CheckPointer(result)
	}
	if err != nil { // nothing is sent
		return fmt.Errorf("%s: %w", method, err)
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	answered := make(chan *answer, 1)
	s.mu.Lock()
	s.asked++
	id := s.asked
	s.answers[id] = answered
	s.mu.Unlock()
	frame, err := codec.JSON.Encode(struct {
		Method string     `json:"method"`
		Data   rpc.Kwargs `json:"data"`
		ID     int        `json:"correlation_id"`
	}{method, kwargs, id})
	if err == nil {
		s.writing.Lock()
		deadline, _ := ctx.Deadline()
		_ = s.conn.SetWriteDeadline(deadline) // cannot fail
		err = s.conn.WriteMessage(websocket.TextMessage, frame)
		s.writing.Unlock()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a := <-answered:
		if !a.Success {
			return a.Error
		}
		return decode(method, a.Data, result)
	case <-s.ended:
		return fmt.Errorf("%s: %w", method, s.err)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// named returns the arguments of a call, which a websocket has by name only.
func named(args []any) (rpc.Kwargs, error) {
	if len(args) == 0 {
		return nil, nil
	}
	kwargs, ok := args[0].(rpc.Kwargs)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf(`arguments of a websocket are passed by name: write rpc.Kwargs{"name", value} in place of %v`, args)
	}
	return kwargs, nil
}

// Event returns the name of the next event, in the order of arrival, and stores its data in the
// pointer data, unless that is nil. If the socket was closed, the error is a
// *[websocket.CloseError]. If ctx has no deadline, Event waits for at most 30 seconds.
func (s *Socket) Event(ctx context.Context, data any) (string, error) {
	if data != nil {
		if err := codec.CheckPointer(data); err != nil {
			return "", fmt.Errorf("data: %w", err)
		}
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	for {
		s.mu.Lock()
		if len(s.events) > 0 {
			e := s.events[0]
			s.events = s.events[1:]
			s.mu.Unlock()
			return e.Event, decode(e.Event, e.Data, data)
		}
		if s.more == nil {
			s.more = make(chan struct{})
		}
		more, err := s.more, s.err
		s.mu.Unlock()
		if err != nil {
			return "", err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", fmt.Errorf("no event: %w", ctx.Err())
		}
	}
}

// Close closes the socket with status 1000, as a browser does.
func (s *Socket) Close() {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second)) != nil {
		s.conn.Close()
	}
}

// read reads frames until the socket is closed.
func (s *Socket) read() {
	defer close(s.ended)
	defer s.conn.Close()
	for {
		_, frame, err := s.conn.ReadMessage()
		var a answer
		if err == nil {
			err = codec.JSON.Decode(frame, &a)
		}
		s.mu.Lock()
		switch {
		case err != nil:
			s.err = err
		case a.Type == "event":
			s.events = append(s.events, a)
		case s.answers[a.ID] != nil:
			s.answers[a.ID] <- &a
			delete(s.answers, a.ID)
		default:
			s.err = errors.New("websocket: answer without a request: " + string(frame))
		}
		if s.more != nil {
			close(s.more)
			s.more = nil
		}
		ended := s.err != nil
		s.mu.Unlock()
		if ended {
			return
		}
	}
}

// limited gives ctx a deadline if it has none.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func decode(what string, data []byte, to any) error {
	if to == nil {
		return nil
	}
	if err := codec.JSON.Decode(data, to); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
