package broker

import (
	"net"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

const (
	// outboxRoom is how many bytes may wait for a client's socket before the broker holds back
	// deliveries and stops reading the client's requests. Bytes that are being written do not
	// count.
	outboxRoom = 256 << 10

	// outboxKeep is the size of the largest buffer that is reused.
	outboxKeep = 2 * outboxRoom

	// outboxCopy is the size of the largest body that is copied. A larger body stays in its message
	// until it is written.
	outboxCopy = 16 << 10
)

// An outbox collects frames for a client and writes them. Adding never blocks. Frames that are
// added during a write leave together in the next one.
type outbox struct {
	nc    net.Conn
	alarm *alarm
	wake  chan struct{} // receives when something was added or changed; capacity 1
	room  chan struct{} // receives when the buffer was taken; capacity 1
	gone  chan struct{} // closed when nothing more may be added

	mu      sync.Mutex
	queued  batch // without its bytes
	buf     frame.Buffer
	maxSize uint32 // of a frame
	sealed  bool   // nothing more may be added
	stalled bool   // a delivery was held back because the outbox was full
	ended   bool   // the writer ends when the buffer is empty, or after an error
}

// A batch is the content of one write: encoded frames, and between them bodies that are not encoded
// yet.
type batch struct {
	bytes  []byte
	bodies []queuedBody
	large  int   // bytes in bodies
	copied int64 // bytes of messages in bytes, which the memory alarm counts
}

// A queuedBody is a body that is written when its batch has been written up to the offset after. It
// holds its message.
type queuedBody struct {
	after   int
	channel uint16
	message *message
}

func newOutbox(nc net.Conn, alarm *alarm) *outbox {
	return &outbox{
		nc:      nc,
		alarm:   alarm,
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

// protocolHeader answers a client that speaks another protocol.
func (o *outbox) protocolHeader() { o.add(o.buf.ProtocolHeader) }

// content adds a method with the content of a message, delivered with the properties p.
func (o *outbox) content(channel uint16, method frame.Method, m *message, p frame.Properties) {
	isLarge := m.size() > outboxCopy
	if isLarge {
		m.hold(o.alarm)
	}
	o.mu.Lock()
	sealed, before := o.sealed, o.buf.Len()
	if !sealed {
		o.buf.Method(channel, method)
		o.buf.ContentHeader(channel, frame.ClassBasic, p, m.size())
		if isLarge {
			o.queued.bodies = append(o.queued.bodies, queuedBody{o.buf.Len(), channel, m})
			o.queued.large += m.size()
		} else {
			o.buf.Body(channel, m.body(), o.maxSize)
		}
	}
	copied := int64(o.buf.Len() - before)
	o.queued.copied += copied
	o.mu.Unlock()
	signal(o.wake)
	// Not under the mutex, because the alarm may wake connections.
	o.alarm.add(copied)
	if sealed && isLarge {
		m.release(o.alarm)
	}
}

// last adds a method frame and seals the outbox.
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

// hasRoom reports whether a delivery may be added. If not, the writer calls drained once there is
// room again.
func (o *outbox) hasRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sealed {
		return false
	}
	o.stalled = o.stalled || o.size() >= outboxRoom
	return !o.stalled
}

// size returns how many bytes wait. The caller must hold the mutex.
func (o *outbox) size() int { return o.buf.Len() + o.queued.large }

// waitRoom waits until there is room or the outbox is sealed. It returns false if that takes longer
// than limit; 0 means no limit.
func (o *outbox) waitRoom(limit time.Duration) bool {
	var timeout <-chan time.Time
	for {
		o.mu.Lock()
		ok := o.size() < outboxRoom || o.sealed
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

// end makes the writer return after it has written the rest.
func (o *outbox) end() {
	o.mu.Lock()
	o.ended = true
	o.seal()
	o.mu.Unlock()
	signal(o.wake)
	signal(o.room)
}

// seal prevents further additions. The caller must hold the mutex.
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
// It receives the heartbeat interval from beat and sends a heartbeat after each interval in which
// it wrote nothing. It calls drained when deliveries may resume.
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
	var scratch frame.Buffer
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
			spare, scratch = nil, frame.Buffer{}
		}
		b, stalled, ended := o.take(spare)
		if len(b.bytes) > 0 {
			if err := o.writeBatch(b, &scratch); err != nil {
				return err
			}
			if idle != nil {
				idle.Reset(every)
			}
		}
		if spare = b.bytes[:0]; cap(spare) > outboxKeep {
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

// writeBatch writes a batch, and releases it even after an error.
func (o *outbox) writeBatch(b batch, scratch *frame.Buffer) error {
	defer func() { b.drop(o.alarm) }()
	written := 0
	for len(b.bodies) > 0 {
		next := b.bodies[0]
		if _, err := o.nc.Write(b.bytes[written:next.after]); err != nil {
			return err
		}
		written = next.after
		for body := next.message.body(); len(body) > 0; {
			n := min(len(body), int(o.maxSize)-frame.Overhead)
			scratch.Reset(scratch.Bytes())
			scratch.Body(next.channel, body[:n], o.maxSize)
			if _, err := o.nc.Write(scratch.Bytes()); err != nil {
				return err
			}
			body = body[n:]
		}
		next.message.release(o.alarm)
		b.bodies = b.bodies[1:]
	}
	_, err := o.nc.Write(b.bytes[written:])
	return err
}

// drop releases what was not written.
func (b *batch) drop(a *alarm) {
	for _, body := range b.bodies {
		body.message.release(a)
	}
	a.add(-b.copied)
}

// drop drops what is left when the writer has ended.
func (o *outbox) drop() {
	b, _, _ := o.take(nil)
	b.drop(o.alarm)
}

// take returns what is queued, and reuses spare as the next buffer.
func (o *outbox) take(spare []byte) (b batch, stalled, ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, stalled = o.queued, o.stalled
	b.bytes, o.queued = o.buf.Bytes(), batch{}
	o.buf.Reset(spare)
	o.stalled = false
	signal(o.room)
	return b, stalled, o.ended
}

// signal sends on a channel of capacity 1 unless it is full.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
