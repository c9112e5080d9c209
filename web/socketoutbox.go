package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// An outbox is what waits to be sent by a socket. Its writer is a goroutine only while there is something.
type outbox struct {
	mu sync.Mutex

	frames  []outgoing
	size    int           // of frames, in bytes
	room    chan struct{} // closed when a frame has left; nil if nobody waits
	writing bool
	calls   int    // requests that run
	closing bool   // a close is the last frame: nothing is added
	ended   bool   // the connection is: nothing is sent
	drains  bool   // no request is taken on
	hangUp  func() // ends what runs for the socket; nil until it is read
}

// An outgoing is one frame.
type outgoing struct {
	kind    int // websocket.TextMessage, …
	data    []byte
	isEvent bool // it may be dropped
}

// overhead is what a frame takes beside its data.
const overhead = 64

func (o outgoing) size() int    { return len(o.data) + overhead }
func (o outgoing) isPing() bool { return o.kind == websocket.PingMessage }

// begin sets what ends the calls of the socket.
func (s *Socket) begin(hangUp func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangUp = hangUp
}

// end is called when the connection is over: nothing is sent any more, and nobody waits for room.
func (s *Socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.closing = true, true
	s.frames, s.size = nil, 0
	s.hangUp()
}

// occupy counts a request that is to be run, unless none is taken on any more.
func (s *Socket) occupy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drains || s.closing {
		return false
	}
	s.calls++
	return true
}

// leave says that a request was answered.
func (s *Socket) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	s.finish()
}

// drain takes on no request, and closes the socket when those that run are answered.
func (s *Socket) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drains = true
	s.finish()
}

// finish closes a socket that is to go and has no more to say. It is called with mu held.
func (s *Socket) finish() {
	if s.drains && s.calls == 0 {
		s.shut(websocket.CloseGoingAway, "the service stops")
	}
}

// close closes the socket behind what waits to be sent.
func (s *Socket) close(code int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(code, why)
}

// shut is close with mu held.
func (s *Socket) shut(code int, why string) {
	if s.closing {
		return
	}
	s.add(outgoing{kind: websocket.CloseMessage, data: websocket.FormatCloseMessage(code, why)})
	s.closing = true
}

// tell sends an event, and reports whether the socket takes any. If it is too slow for it, see [Sockets].
func (s *Socket) tell(frame []byte) bool {
	s.touch()
	o := outgoing{websocket.TextMessage, frame, true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	for s.board.cfg.DropEvents && !s.fits(o) {
		oldest := slices.IndexFunc(s.frames, func(o outgoing) bool { return o.isEvent })
		if oldest < 0 {
			return true // behind nothing but results: it is dropped itself
		}
		s.size -= s.frames[oldest].size()
		s.frames = slices.Delete(s.frames, oldest, oldest+1)
	}
	if s.fits(o) {
		s.add(o)
		return true
	}
	s.frames, s.size = nil, 0
	s.shut(websocket.ClosePolicyViolation, fmt.Sprintf("over %d bytes were not read in time", s.board.cfg.Queue))
	s.conn.NetConn().SetWriteDeadline(time.Now().Add(closeTime)) // for the frame that it does not read
	return false
}

// send sends the answer to a request, when there is room for it.
func (s *Socket) send(ctx context.Context, frame []byte) {
	o := outgoing{websocket.TextMessage, frame, false}
	for {
		s.mu.Lock()
		if s.closing || s.fits(o) {
			if !s.closing {
				s.add(o)
			}
			s.mu.Unlock()
			return
		}
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

// ping asks the client for a sign of life, unless that is waiting to be asked.
func (s *Socket) ping() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing && !slices.ContainsFunc(s.frames, outgoing.isPing) {
		s.add(outgoing{kind: websocket.PingMessage})
	}
}

// fits reports whether there is room. One frame always fits, however large.
func (s *Socket) fits(o outgoing) bool {
	return len(s.frames) == 0 || s.size+o.size() <= s.board.cfg.Queue
}

// add is called with mu held, while the reader is there.
func (s *Socket) add(o outgoing) {
	s.frames = append(s.frames, o)
	s.size += o.size()
	if !s.writing {
		s.writing = true
		s.board.field.Go(s.write)
	}
}

// next takes the frame that is to be sent now, if there is one.
func (s *Socket) next() (o outgoing, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
	if len(s.frames) == 0 || s.ended {
		s.frames, s.writing = nil, false
		return o, false
	}
	o = s.frames[0]
	s.frames[0] = outgoing{}
	s.frames = s.frames[1:]
	s.size -= o.size()
	return o, true
}

// write sends what there is.
func (s *Socket) write(context.Context) {
	for {
		o, ok := s.next()
		if !ok {
			return
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTime))
		if err := s.conn.WriteMessage(o.kind, o.data); err != nil {
			s.conn.Close() // the reader sees it, and what runs for the socket
			s.cut()
		}
		if o.kind == websocket.CloseMessage {
			s.conn.NetConn().SetReadDeadline(time.Now().Add(closeTime))
		}
	}
}

// cut ends what runs for a socket that nothing can be sent to: its reader may be waiting for it.
func (s *Socket) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.closing = true, true
	if s.hangUp != nil {
		s.hangUp()
	}
}

// extend gives the client d for its next frame, unless the socket is being closed: then it has its time already.
func (s *Socket) extend(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.conn.NetConn().SetReadDeadline(time.Now().Add(d))
	}
}
