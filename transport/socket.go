package transport

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// sendBuffer is how many bytes may wait for a slow broker before publishers must wait.
	sendBuffer = 256 << 10

	// linger limits how long a closed socket writes what it still holds.
	linger = time.Second
)

// A socket is the net.Conn that amqp091-go uses. It changes the frames that pass through it: see
// frameBuffer.
//
// Writes never block: they are added to a buffer that one goroutine writes to the network.
// Publishings and acknowledgements that are buffered together leave in one system call, no lock is
// held while the broker does not read, and a publisher can stop waiting when its ctx ends.
type socket struct {
	net.Conn

	in      frameBuffer            // only Read uses it
	blocked atomic.Pointer[string] // why the broker blocks publishers; nil if it does not
	alarms  chan *string           // the values of blocked, for the log; dropped when it is full

	mu        sync.Mutex
	out       frameBuffer
	closed    bool
	failure   error         // the first error of reading or writing
	callbacks []func()      // see beforeWrite
	drained   chan struct{} // closed and replaced when out falls below sendBuffer

	wake chan struct{} // holds a token: there is something to write, or the socket is closed
	done chan struct{} // closed when writeLoop has returned
}

func newSocket(conn net.Conn) *socket {
	s := &socket{
		Conn:    conn,
		alarms:  make(chan *string, 16),
		out:     frameBuffer{rewrite: completeSent},
		drained: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	s.in = frameBuffer{rewrite: repairReceived, onMethod: s.method, buf: make([]byte, 0, 16<<10)}
	go s.writeLoop()
	return s
}

// Read implements net.Conn. An error ends the socket in both directions; otherwise amqp091-go would
// wait for its writers first.
func (s *socket) Read(p []byte) (int, error) {
	for {
		if n := s.in.read(p); n > 0 {
			return n, nil
		}
		if err := s.in.fill(s.Conn); err != nil {
			return 0, s.fail(err)
		}
		if s.in.raw && s.in.buf[0] == tlsAlert {
			return 0, s.fail(errSpeaksTLS)
		}
	}
}

// method looks for connection.blocked and connection.unblocked (class 10, methods 60 and 61).
// amqp091-go reports them too, but panics if the connection ends at the same moment.
func (s *socket) method(method []byte) {
	var reason *string
	switch {
	case len(method) >= 5 && string(method[:4]) == "\x00\x0a\x00\x3c":
		text := string(method[5:])
		reason = &text
	case string(method) == "\x00\x0a\x00\x3d":
	default:
		return
	}
	s.blocked.Store(reason)
	select {
	case s.alarms <- reason:
	default:
	}
}

// waitWritable waits until a publishing may be written. It returns false if ctx ends, closed is
// closed, or the socket is.
func (s *socket) waitWritable(ctx context.Context, closed <-chan struct{}) bool {
	for {
		s.mu.Lock()
		ended, full, drained := s.closed, len(s.out.buf) >= sendBuffer, s.drained
		s.mu.Unlock()
		if ended || !full {
			return !ended
		}
		select {
		case <-drained:
		case <-closed:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Write implements net.Conn. It does not block.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.out.append(p)
	s.wakeWriter()
	return len(p), nil
}

// beforeWrite makes writeLoop call f, which writes something, before its next write.
func (s *socket) beforeWrite(f func()) {
	s.mu.Lock()
	s.callbacks = append(s.callbacks, f)
	s.mu.Unlock()
	s.wakeWriter()
}

func (s *socket) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// writeLoop returns when writing fails, or when the socket is closed and everything is written.
func (s *socket) writeLoop() {
	defer close(s.done)
	defer s.abort()
	var buf []byte
	var callbacks []func()
	for {
		runtime.Gosched() // let goroutines that are about to write join this system call
		s.mu.Lock()
		callbacks, s.callbacks = s.callbacks, callbacks[:0]
		s.mu.Unlock()
		for _, f := range callbacks {
			f()
		}
		s.mu.Lock()
		full, closed := len(s.out.buf) >= sendBuffer, s.closed
		buf = s.out.take(buf)
		if full && !closed {
			close(s.drained)
			s.drained = make(chan struct{})
		}
		s.mu.Unlock()
		if len(buf) > 0 {
			if _, err := s.Conn.Write(buf); err != nil {
				_ = s.fail(err) // Read returns it
				return
			}
			continue
		}
		if closed {
			return
		}
		<-s.wake
	}
}

// fail ends the socket because of err, and returns the error with which it first ended.
func (s *socket) fail(err error) error {
	s.mu.Lock()
	if s.failure == nil && !s.closed {
		s.failure = err
	}
	err = cmp.Or(s.failure, err)
	s.mu.Unlock()
	s.abort()
	return err
}

// cause returns err, which amqp091-go has returned, or the socket's own error if that says more.
func (s *socket) cause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *amqp.Error
	if s.failure == nil || errors.Is(s.failure, io.EOF) || errors.As(err, &e) && e.Server {
		return err
	}
	return s.failure
}

// Close implements net.Conn. Bytes that were written before are still sent, if the broker reads
// them within linger.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.drained)
		s.Conn.SetWriteDeadline(time.Now().Add(linger))
		s.wakeWriter()
	}
	return nil
}

// abort closes the socket at once.
func (s *socket) abort() {
	s.Close()
	s.Conn.Close()
}

// A frameBuffer holds a part of a stream of frames. It rewrites content headers, and lets them pass
// only whole, to make up for two limits of amqp091-go:
//
//   - It does not send an empty headers table and priority 0, which Nameko sends with every
//     message.
//   - It closes the connection over headers that RabbitMQ passes on: 64-bit integers as py-amqp
//     writes them (type L), tables nested deeper than 32 or with more than 8192 fields. The message
//     would be delivered again after every reconnect, so one such message would stop a service
//     forever.
type frameBuffer struct {
	rewrite  func(header []byte) []byte // returns the content header to pass on in place of header
	onMethod func(method []byte)        // called with the methods of channel 0; may be nil
	buf      []byte
	next     int  // the start of the first unscanned frame in buf; may be after the end
	raw      bool // the stream does not consist of frames: pass everything
}

// A frame is type (1 byte), channel (2), size (4), payload, end (1): AMQP 0-9-1 §4.2.3.
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8

	frameStart = 7 // bytes before the payload
	frameEnd   = 1 // bytes after it
)

// append adds p.
func (b *frameBuffer) append(p []byte) {
	b.buf = append(b.buf, p...)
	b.scan()
}

// fill reads once from r.
func (b *frameBuffer) fill(r io.Reader) error {
	b.buf = slices.Grow(b.buf, 4<<10)
	n, err := r.Read(b.buf[len(b.buf):cap(b.buf)])
	b.buf = b.buf[:len(b.buf)+n]
	b.scan()
	if n > 0 {
		return nil
	}
	return err
}

// scan rewrites the content headers that are complete.
func (b *frameBuffer) scan() {
	for !b.raw && b.next+frameStart <= len(b.buf) {
		frame := b.buf[b.next:]
		size := length(frame[3:])
		switch kind := frame[0]; {
		case kind == 'A': // "AMQP" and four bytes of version, before the first frame
			b.next += 8
			continue
		case kind != frameMethod && kind != frameHeader && kind != frameBody && kind != frameHeartbeat,
			kind == frameHeader && size > 1<<20:
			b.raw = true // amqp091-go will refuse it
			return
		case kind == frameMethod && b.onMethod != nil && frame[1] == 0 && frame[2] == 0 && size < 1<<16:
			if len(frame) < frameStart+size+frameEnd {
				return
			}
			b.onMethod(frame[frameStart : frameStart+size])
			fallthrough
		case kind != frameHeader:
			b.next += frameStart + size + frameEnd
			continue
		}
		if len(frame) < frameStart+size+frameEnd {
			return
		}
		header := b.rewrite(frame[frameStart : frameStart+size])
		binary.BigEndian.PutUint32(frame[3:], uint32(len(header)))
		from := b.next + frameStart
		b.buf = slices.Replace(b.buf, from, from+size, header...)
		b.next = from + len(header) + frameEnd
	}
}

// read moves bytes that may pass to p.
func (b *frameBuffer) read(p []byte) int {
	n := copy(p, b.buf[:b.ready()])
	b.buf = append(b.buf[:0], b.buf[n:]...)
	b.next -= n
	return n
}

// take returns the bytes that may pass. The buffer continues with the memory of spare.
func (b *frameBuffer) take(spare []byte) []byte {
	if cap(spare) > 4*sendBuffer { // do not keep the memory of a large message
		spare = nil
	}
	n := b.ready()
	taken := b.buf[:n]
	b.buf = append(spare[:0], b.buf[n:]...)
	b.next -= n
	return taken
}

// ready counts the bytes that may pass, which excludes unscanned frames.
func (b *frameBuffer) ready() int {
	if b.raw {
		return len(b.buf)
	}
	return min(b.next, len(b.buf))
}

// A content header is class (2 bytes), weight (2), body size (8), property flags (2), and the
// properties in the order of their flags: AMQP 0-9-1 §4.2.6.1.
const (
	flagsAt = 12

	flagContentType     = 1 << 15
	flagContentEncoding = 1 << 14
	flagHeaders         = 1 << 13
	flagDeliveryMode    = 1 << 12
	flagPriority        = 1 << 11
)

// completeSent adds an empty headers table and priority 0 to a content header that lacks them.
func completeSent(header []byte) []byte {
	if len(header) < flagsAt+2 {
		return header
	}
	flags := binary.BigEndian.Uint16(header[flagsAt:])
	if flags&flagHeaders != 0 && flags&flagPriority != 0 {
		return header
	}
	at := headersAt(header, flags)
	complete := append(make([]byte, 0, len(header)+5), header[:at]...)
	end := at
	if flags&flagHeaders != 0 {
		end += 4 + length(header[at:])
		complete = append(complete, header[at:end]...)
	} else {
		complete = append(complete, 0, 0, 0, 0)
	}
	if flags&flagDeliveryMode != 0 {
		complete = append(complete, header[end])
		end++
	}
	if flags&flagPriority == 0 {
		complete = append(complete, 0)
	}
	binary.BigEndian.PutUint16(complete[flagsAt:], flags|flagHeaders|flagPriority)
	return append(complete, header[end:]...)
}

// repairReceived makes the headers table readable for amqp091-go, or empty if that is impossible.
func repairReceived(header []byte) []byte {
	if len(header) < flagsAt+2 {
		return header
	}
	flags := binary.BigEndian.Uint16(header[flagsAt:])
	at := headersAt(header, flags)
	if flags&flagHeaders == 0 || len(header) < at+4 {
		return header
	}
	size := length(header[at:])
	if len(header) < at+4+size || repairTable(header[at+4:at+4+size], true, 0) {
		return header
	}
	emptied := append(make([]byte, 0, len(header)-size), header[:at]...)
	emptied = append(emptied, 0, 0, 0, 0)
	return append(emptied, header[at+4+size:]...)
}

// headersAt returns where the headers table of a content header is, or would be.
func headersAt(header []byte, flags uint16) int {
	at := flagsAt + 2
	for _, flag := range []uint16{flagContentType, flagContentEncoding} {
		if flags&flag != 0 && at < len(header) {
			at += 1 + int(header[at])
		}
	}
	return at
}

// repairTable changes integers of type L to type l, which is amqp091-go's name for them, and
// reports whether amqp091-go can read b: a table, or an array, whose elements have no names.
func repairTable(b []byte, named bool, depth int) bool {
	for n := 0; len(b) > 0; n++ {
		if named {
			name := 1 + int(b[0])
			if len(b) < name {
				return false
			}
			b = b[name:]
		}
		if len(b) == 0 || n == 8192 {
			return false
		}
		size := 0
		switch b[0] {
		case 'V':
		case 't', 'b', 'B':
			size = 1
		case 's', 'u':
			size = 2
		case 'I', 'i', 'f':
			size = 4
		case 'D':
			size = 5
		case 'L':
			b[0] = 'l'
			size = 8
		case 'l', 'd', 'T':
			size = 8
		case 'S', 'x', 'A', 'F':
			if len(b) < 5 {
				return false
			}
			size = 4 + length(b[1:])
		default:
			return false
		}
		if len(b) < 1+size {
			return false
		}
		if nested := b[0] == 'A' || b[0] == 'F'; nested && (depth == 31 || !repairTable(b[5:1+size], b[0] == 'F', depth+1)) {
			return false
		}
		b = b[1+size:]
	}
	return true
}

// length reads a length of four bytes. It returns at most 1 GiB, which fits a 32-bit int and is
// longer than anything that can follow.
func length(b []byte) int { return int(min(binary.BigEndian.Uint32(b), 1<<30)) }
