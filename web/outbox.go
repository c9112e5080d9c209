package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// An outbox sends the frames of one socket, in order, and closes the socket. Its goroutine runs
// only while frames wait.
type outbox struct {
	server *socketServer
	conn   *websocket.Conn

	mu sync.Mutex

	frames   []outgoing
	size     int           // of frames, in bytes
	room     chan struct{} // closed when a frame was sent; nil if nobody waits
	writing  bool          // the goroutine runs
	sending  bool          // a frame is being written
	calls    int           // requests that run
	closing  bool          // a close frame is the last one: nothing is added
	ended    bool          // the connection is lost: nothing is sent
	draining bool          // no further request is run
	hangUp   func()        // ends the calls of the socket; nil until serve runs
}

// A frame is one that is being sent, perhaps to many sockets. Its bytes are held once, until the
// last of them has sent it.
type frame struct {
	data  []byte
	users atomic.Int64
	hold  hold
}

// newFrame returns a frame for many sockets, with one user.
func (h *hub) newFrame(data []byte) *frame {
	f := &frame{data: data, hold: hold{memory: &h.memory}}
	f.users.Store(1)
	f.hold.force(int64(len(data)))
	return f
}

// newFrame returns a frame for one socket, with one user. If there is no room for it, it
// disconnects clients that read slowly, or returns an error.
func (b *outbox) newFrame(data []byte) (*frame, *Error) {
	m := &b.server.hub.memory
	f := &frame{data: data, hold: hold{memory: m, cut: func() { _ = b.conn.NetConn().SetWriteDeadline(past) }}}
	f.users.Store(1)
	if full := f.hold.take(min(int64(len(data)), m.limit/2)); full != nil {
		f.release()
		return nil, errQueued
	}
	return f, nil
}

var errQueued = &Error{Status: http.StatusServiceUnavailable, Message: "too many bytes wait to be sent by websocket: try again"}

// release ends the use by one user.
func (f *frame) release() {
	if f != nil && f.users.Add(-1) == 0 {
		f.hold.release()
	}
}

// An outgoing is a frame that waits to be sent to one socket.
type outgoing struct {
	kind    int    // websocket.TextMessage, …
	frame   *frame // one user of it; nil for a control frame
	control []byte // the data of a control frame
	isEvent bool   // it may be dropped
}

// frameOverhead is the memory of a waiting frame besides its data.
const frameOverhead = 64

func (o outgoing) data() []byte {
	if o.frame != nil {
		return o.frame.data
	}
	return o.control
}
func (o outgoing) size() int    { return len(o.data()) + frameOverhead }
func (o outgoing) isPing() bool { return o.kind == websocket.PingMessage }

// start sets the function that ends the socket's calls.
func (b *outbox) start(hangUp func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangUp = hangUp
}

// end discards all frames when the connection is closed, and ends the socket's calls.
func (b *outbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.closing = true, true
	b.discard()
	b.hangUp()
}

// discard drops the frames that wait. It is called with mu held.
func (b *outbox) discard() {
	for _, o := range b.frames {
		o.frame.release()
	}
	b.frames, b.size = nil, 0
}

// beginCall counts a request that is about to run. It returns false if none may run any more.
func (b *outbox) beginCall() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draining || b.closing {
		return false
	}
	b.calls++
	return true
}

// endCall is called when a request is answered.
func (b *outbox) endCall() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls--
	b.closeDrained()
}

// drain refuses further requests, and closes the socket when the running ones are answered.
func (b *outbox) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
	b.closeDrained()
}

// closeDrained closes a draining socket without calls. It is called with mu held.
func (b *outbox) closeDrained() {
	if b.draining && b.calls == 0 {
		b.addClose(websocket.CloseGoingAway, "the service is stopping")
	}
}

// close closes the socket after the frames that wait.
func (b *outbox) close(code int, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addClose(code, why)
}

// addClose adds a close frame. It is called with mu held.
func (b *outbox) addClose(code int, why string) {
	if b.closing {
		return
	}
	b.add(outgoing{kind: websocket.CloseMessage, control: websocket.FormatCloseMessage(code, why)})
	b.closing = true
}

// sendEvent adds an event, and reports whether the socket is open. [Sockets].Queue says what
// happens if it does not fit.
func (b *outbox) sendEvent(f *frame) bool {
	o := outgoing{kind: websocket.TextMessage, frame: f, isEvent: true}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return false
	}
	for b.server.cfg.DropEvents && !b.fits(o) {
		oldest := slices.IndexFunc(b.frames, func(o outgoing) bool { return o.isEvent })
		if oldest < 0 {
			return true // only results wait: the event itself is dropped
		}
		b.size -= b.frames[oldest].size()
		b.frames[oldest].frame.release()
		b.frames = slices.Delete(b.frames, oldest, oldest+1)
	}
	if b.fits(o) {
		b.add(o)
		return true
	}
	b.discard()
	b.addClose(websocket.ClosePolicyViolation, fmt.Sprintf("over %d bytes were not read in time", b.server.cfg.Queue))
	b.conn.NetConn().SetWriteDeadline(time.Now().Add(closeTimeout)) // for the frame that is being written
	return false
}

// sendResult adds the answer to a request, and waits for room until ctx ends.
func (b *outbox) sendResult(ctx context.Context, f *frame) {
	defer f.release()
	o := outgoing{kind: websocket.TextMessage, frame: f}
	for {
		b.mu.Lock()
		if b.closing || b.fits(o) {
			if !b.closing {
				b.add(o)
			}
			b.mu.Unlock()
			return
		}
		if b.room == nil {
			b.room = make(chan struct{})
		}
		room := b.room
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

// ping adds a ping, unless one waits already.
func (b *outbox) ping() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closing && !slices.ContainsFunc(b.frames, outgoing.isPing) {
		b.add(outgoing{kind: websocket.PingMessage})
	}
}

// fits reports whether there is room for a frame. It fits if no other is waiting or being written.
func (b *outbox) fits(o outgoing) bool {
	if len(b.frames) == 0 && !b.sending {
		return true
	}
	if o.isEvent && b.server.hub.memory.full() {
		return false
	}
	return len(b.frames) == 0 || b.size+o.size() <= b.server.cfg.Queue
}

// add adds a frame and starts the goroutine. It is called with mu held, while the goroutine of
// serve runs.
func (b *outbox) add(o outgoing) {
	if o.frame != nil {
		o.frame.users.Add(1)
	}
	b.frames = append(b.frames, o)
	b.size += o.size()
	if !b.writing {
		b.writing = true
		b.server.host.Go(b.write)
	}
}

// write sends frames until none waits.
func (b *outbox) write(context.Context) {
	for {
		o, ok := b.next()
		if !ok {
			return
		}
		_ = b.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		err := b.conn.WriteMessage(o.kind, o.data())
		o.frame.release()
		if err != nil {
			b.conn.Close() // serve's read returns, and so do the calls
			b.cut()
		}
		if o.kind == websocket.CloseMessage {
			b.conn.NetConn().SetReadDeadline(time.Now().Add(closeTimeout))
		}
	}
}

// next removes the next frame. It returns false if none waits.
func (b *outbox) next() (o outgoing, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
	b.sending = len(b.frames) > 0 && !b.ended
	if !b.sending {
		b.discard()
		b.writing = false
		return o, false
	}
	o = b.frames[0]
	b.frames[0] = outgoing{}
	b.frames = b.frames[1:]
	b.size -= o.size()
	return o, true
}

// cut ends the calls of a socket after a failed write. serve may be waiting for one of them.
func (b *outbox) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.closing = true, true
	if b.hangUp != nil {
		b.hangUp()
	}
}

// extend moves the read deadline, unless the socket is closing and has its last one.
func (b *outbox) extend(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closing {
		b.conn.NetConn().SetReadDeadline(time.Now().Add(d))
	}
}
