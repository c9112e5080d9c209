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

// An outbox sends the frames of one socket in order, and closes the socket. Its goroutine runs only
// while frames wait.
type outbox struct {
	server *socketServer
	conn   *websocket.Conn

	mu sync.Mutex

	frames   []outgoing
	size     int           // of frames, in bytes
	room     chan struct{} // closed when a frame has been sent; nil if nobody waits
	writing  bool          // the goroutine is running
	sending  bool          // a frame is being written
	calls    int           // number of running requests
	closing  bool          // the last frame is a close frame: nothing is added after it
	ended    bool          // the connection is lost: nothing more is sent
	draining bool          // no further requests are run
	hangUp   func()        // cancels the calls of the socket; nil until serve runs
}

// A frame is sent to one or more sockets. Its bytes are held once, until the last socket has sent
// it.
type frame struct {
	data  []byte
	users atomic.Int64
	hold  hold
}

// newFrame returns a frame for several sockets, with one user.
func (h *hub) newFrame(data []byte) *frame {
	f := &frame{data: data, hold: hold{memory: &h.memory}}
	f.users.Store(1)
	f.hold.force(int64(len(data)))
	return f
}

// newFrame returns a frame for one socket, with one user. If there is no room for it, newFrame
// disconnects clients that read slowly or, if there are none, returns an error.
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

var errQueued = &Error{Status: http.StatusServiceUnavailable, Message: "too many unsent bytes are queued for websockets: try again"}

// release drops one user of the frame. The last one releases its memory.
func (f *frame) release() {
	if f != nil && f.users.Add(-1) == 0 {
		f.hold.release()
	}
}

// An outgoing is a frame that waits to be sent to one socket.
type outgoing struct {
	kind    int    // websocket.TextMessage, …
	frame   *frame // the outgoing is one of its users; nil for a control frame
	control []byte // the data of a control frame
	isEvent bool   // it may be dropped
}

// frameOverhead is the memory that a waiting frame takes in addition to its data.
const frameOverhead = 64

func (o outgoing) data() []byte {
	if o.frame != nil {
		return o.frame.data
	}
	return o.control
}
func (o outgoing) size() int    { return len(o.data()) + frameOverhead }
func (o outgoing) isPing() bool { return o.kind == websocket.PingMessage }

// start sets the function that cancels the socket's calls.
func (b *outbox) start(hangUp func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangUp = hangUp
}

// end is called when the connection is closed. It discards all frames and cancels the socket's
// calls.
func (b *outbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.closing = true, true
	b.discard()
	b.hangUp()
}

// discard drops the waiting frames. It is called with mu held.
func (b *outbox) discard() {
	for _, o := range b.frames {
		o.frame.release()
	}
	b.frames, b.size = nil, 0
}

// beginCall counts a request that is about to run. It returns false if no more requests may run.
func (b *outbox) beginCall() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.draining || b.closing {
		return false
	}
	b.calls++
	return true
}

// endCall is called when a request has been answered.
func (b *outbox) endCall() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls--
	b.closeDrained()
}

// drain refuses further requests, and closes the socket when the running ones have been answered.
func (b *outbox) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
	b.closeDrained()
}

// closeDrained closes the socket if it is draining and no calls are running. It is called with mu
// held.
func (b *outbox) closeDrained() {
	if b.draining && b.calls == 0 {
		b.addClose(websocket.CloseGoingAway, "the service is stopping")
	}
}

// close closes the socket after the waiting frames have been sent.
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
			return true // only results wait: this event is dropped
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

// sendResult adds the answer to a request. It waits for room until ctx ends.
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

// ping adds a ping, unless one is already waiting.
func (b *outbox) ping() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closing && !slices.ContainsFunc(b.frames, outgoing.isPing) {
		b.add(outgoing{kind: websocket.PingMessage})
	}
}

// fits reports whether there is room for a frame. A frame of any size fits if no other is waiting
// or being written.
func (b *outbox) fits(o outgoing) bool {
	if len(b.frames) == 0 && !b.sending {
		return true
	}
	if o.isEvent && b.server.hub.memory.full() {
		return false
	}
	return len(b.frames) == 0 || b.size+o.size() <= b.server.cfg.Queue
}

// add adds a frame and starts the goroutine if it is not running. It is called with mu held, while
// the goroutine of serve runs.
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

// write sends frames until none are waiting.
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
			b.conn.Close() // serve's read returns, and the calls end
			b.cut()
		}
		if o.kind == websocket.CloseMessage {
			b.conn.NetConn().SetReadDeadline(time.Now().Add(closeTimeout))
		}
	}
}

// next removes the next frame. It returns false if none is waiting.
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

// cut cancels the calls of a socket after a failed write, because serve may be waiting for one of
// them.
func (b *outbox) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.closing = true, true
	if b.hangUp != nil {
		b.hangUp()
	}
}

// extend moves the read deadline, unless the socket is closing: then its last deadline is set
// already.
func (b *outbox) extend(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closing {
		b.conn.NetConn().SetReadDeadline(time.Now().Add(d))
	}
}
