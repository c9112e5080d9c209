package broker

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memoryBuffer is the buffer size of each direction of an in-memory connection.
const memoryBuffer = 64 << 10

// memoryPipe returns the two ends of a connection within the process. Unlike those of net.Pipe,
// they are buffered, as sockets are: a client can write a request and continue before the broker
// reads it.
func memoryPipe() (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &memoryConn{in: down, out: up}, &memoryConn{in: up, out: down}
}

// A memoryConn is one end of a connection: it reads from one stream and writes to the other.
type memoryConn struct{ in, out *stream }

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close closes both directions. The peer can still read what was written before.
func (c *memoryConn) Close() error {
	c.in.close(true)
	c.out.close(false)
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr{} }

func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.readers.set(c.in, t)
	c.out.writers.set(c.out, t)
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.readers.set(c.in, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.writers.set(c.out, t)
	return nil
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// A stream is one direction of a connection: a ring buffer with a reader and a writer that wait on
// it.
type stream struct {
	mu      sync.Mutex
	changed *sync.Cond
	ring    []byte
	start   int  // of the unread bytes
	size    int  // of the unread bytes
	done    bool // no more will be written
	refused bool // no more will be read
	readers deadline
	writers deadline
}

func newStream() *stream {
	s := &stream{ring: make([]byte, memoryBuffer)}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.refused:
			return 0, net.ErrClosed
		case s.readers.expired:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.size > 0:
			n := copy(p, s.ring[s.start:min(s.start+s.size, len(s.ring))])
			s.start = (s.start + n) % len(s.ring)
			s.size -= n
			s.changed.Broadcast()
			return n, nil
		case s.done:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.done:
			return written, net.ErrClosed
		case s.refused:
			return written, io.ErrClosedPipe
		case s.writers.expired:
			return written, os.ErrDeadlineExceeded
		case len(p) == 0:
			return written, nil
		case s.size < len(s.ring):
			end := (s.start + s.size) % len(s.ring)
			n := copy(s.ring[end:min(end+len(s.ring)-s.size, len(s.ring))], p)
			s.size += n
			written += n
			p = p[n:]
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// close closes the stream on the reader's or the writer's side.
func (s *stream) close(reader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reader {
		s.refused = true
		s.readers.stop()
	} else {
		s.done = true
		s.writers.stop()
	}
	s.changed.Broadcast()
}

// A deadline wakes the goroutines that wait on a stream. The stream's mutex guards it.
type deadline struct {
	expired bool
	timer   *time.Timer
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) set(s *stream, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.expired = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.expired = true
		s.changed.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.timer == timer { // not replaced meanwhile
			d.expired = true
			s.changed.Broadcast()
		}
	})
	d.timer = timer
}
