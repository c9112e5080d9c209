package broker

import (
	"net"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

const (
	// outboxRoom is how many bytes may wait for a client's socket before the broker holds back its
	// deliveries and stops reading its requests. The bytes that are being written do not count.
	outboxRoom = 256 << 10

	// outboxKeep is the size of the largest buffer that is reused.
	outboxKeep = 1 << 20
)

// An outbox collects frames for a client and writes them. Adding never blocks. Frames that are
// added during a write leave together in the next one.
type outbox struct {
	nc   net.Conn
	wake chan struct{} // receives when something was added or changed; capacity 1
	room chan struct{} // receives when the buffer was taken; capacity 1
	gone chan struct{} // closed when nothing more may be added

	mu      sync.Mutex
	buf     frame.Buffer
	maxSize uint32 // of a frame
	sealed  bool   // nothing more may be added
	stalled bool   // a delivery was held back because the outbox was full
	ended   bool   // the writer ends when the buffer is empty, or after an error
}

func newOutbox(nc net.Conn) *outbox {
	return &outbox{
		nc:      nc,
		wake:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		gone:    make(chan struct{}),
		maxSize: frame.MinSize,
	}
}

// method adds a method frame.
func (o *outbox) method(channel uint16, m frame.Method) {
	o.add(func() { o.buf.Method(channel, m) })
}

// protocolHeader adds the answer to a client with another protocol.
func (o *outbox) protocolHeader() { o.add(o.buf.ProtocolHeader) }

// content adds a method with a message.
func (o *outbox) content(channel uint16, m frame.Method, p frame.Properties, body []byte) {
	o.mu.Lock()
	if !o.sealed {
		o.buf.Method(channel, m)
		o.buf.Content(channel, frame.ClassBasic, p, body, o.maxSize)
	}
	o.mu.Unlock()
	signal(o.wake)
}

// last adds a method frame after which nothing more may be added.
func (o *outbox) last(m frame.Method) {
	o.add(func() {
		o.buf.Method(0, m)
		o.seal()
	})
	signal(o.room)
}

func (o *outbox) add(f func()) {
	o.mu.Lock()
	if !o.sealed {
		f()
	}
	o.mu.Unlock()
	signal(o.wake)
}

// hasRoom reports whether a delivery may be added. If not, the writer calls drained when there is
// room again.
func (o *outbox) hasRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed {
		return false
	}
	o.stalled = o.stalled || o.buf.Len() >= outboxRoom
	return !o.stalled
}

// waitRoom waits until there is room or the outbox is sealed. It returns false after limit; 0 is no
// limit.
func (o *outbox) waitRoom(limit time.Duration) bool {
	var timeout <-chan time.Time
	for {
		o.mu.Lock()
		ok := o.buf.Len() < outboxRoom || o.sealed
		o.mu.Unlock()
		if ok {
			return true
		}
		if timeout == nil && limit > 0 {
			timer := time.NewTimer(limit)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-o.room:
		case <-timeout:
			return false
		}
	}
}

// end makes the writer write the rest and return.
func (o *outbox) end() {
	o.mu.Lock()
	o.ended = true
	o.seal()
	o.mu.Unlock()
	signal(o.wake)
	signal(o.room)
}

// seal prevents further additions. The caller holds the mutex.
func (o *outbox) seal() {
	if !o.sealed {
		o.sealed = true
		close(o.gone)
	}
}

// setMaxSize sets the size of the largest frame that the client accepts.
func (o *outbox) setMaxSize(size uint32) {
	o.mu.Lock()
	o.maxSize = size
	o.mu.Unlock()
}

// write is the writer. It returns when the outbox is ended and empty, or with the socket's error.
// It sends a heartbeat after each interval, received from beat, in which it wrote nothing. It calls
// drained when deliveries may resume.
func (o *outbox) write(beat <-chan time.Duration, drained func()) error {
	var idle *time.Timer
	var silence <-chan time.Time
	var every time.Duration
	defer func() {
		if idle != nil {
			idle.Stop()
		}
	}()
	var spare []byte
	for {
		select {
		case <-o.wake:
		case every = <-beat:
			if every > 0 {
				idle = time.NewTimer(every)
				silence = idle.C
			}
		case <-silence:
			o.add(func() { o.buf.Heartbeat() })
		}
		batch, stalled, ended := o.take(spare)
		if len(batch) > 0 {
			if _, err := o.nc.Write(batch); err != nil {
				return err
			}
			if idle != nil {
				idle.Reset(every)
			}
		}
		if spare = batch[:0]; cap(spare) > outboxKeep {
			spare = nil
		}
		if stalled {
			drained()
		}
		if ended {
			return nil
		}
	}
}

// take returns the buffer, and continues with spare.
func (o *outbox) take(spare []byte) (batch []byte, stalled, ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch, stalled = o.buf.Bytes(), o.stalled
	o.buf.Reset(spare)
	o.stalled = false
	signal(o.room)
	return batch, stalled, o.ended
}

// signal sends to a channel of capacity 1 unless it is full.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
