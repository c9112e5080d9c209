package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// sendBuffer is how much may wait for a slow broker before publishers wait too.
	sendBuffer = 256 << 10

	// linger is how long a closed socket may take to write what it still holds.
	linger = time.Second
)

// A socket is the connection under amqp091-go. Writes never block: they join a buffer that one goroutine writes out,
// so publishings and acknowledgements that meet there leave in one system call, nobody holds a lock while the broker
// does not read, and a publisher can wait for room with its ctx. On the way the frames are made to say what amqp091-go
// cannot (see frames).
type socket struct {
	net.Conn

	in      frames                 // used by Read only
	blocked atomic.Pointer[string] // why the broker takes no publishings; nil: it does
	alarms  chan *string           // what blocked was set to, for the log: what finds no room is left out

	mu      sync.Mutex
	out     frames
	closed  bool
	failure error         // what reading or writing met first
	writes  []func()      // see ahead
	drained chan struct{} // closed and made anew when there is room again

	wake chan struct{} // holds one token: there is something to write, or the socket is closed
	done chan struct{} // closed when the writer has ended
}

func newSocket(conn net.Conn) *socket {
	s := &socket{
		Conn:    conn,
		alarms:  make(chan *string, 16),
		out:     frames{mend: completeSent},
		drained: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
	s.in = frames{mend: mendReceived, hear: s.hear, buf: make([]byte, 0, 16<<10)}
	go s.write()
	return s
}

// Read implements net.Conn. When reading fails the socket is dead in both directions: amqp091-go would otherwise wait
// for its writers first.
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

// hear reads a method of the connection's, to know of connection.blocked and unblocked (class 10, methods 60 and 61).
// amqp091-go tells of them too, but panics if its connection ends at the same instant.
func (s *socket) hear(method []byte) {
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

// fail notes what the socket met, ends it, and returns what it met first.
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

// told returns err, which amqp091-go has returned, or what the socket met if that says more.
func (s *socket) told(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *amqp.Error
	if s.failure == nil || errors.Is(s.failure, io.EOF) || errors.As(err, &e) && e.Server {
		return err
	}
	return s.failure
}

// Write implements net.Conn; it does not block.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	s.out.append(p)
	s.signal()
	return len(p), nil
}

// ahead has the writer call write, which writes something, ahead of what it sends next.
func (s *socket) ahead(write func()) {
	s.mu.Lock()
	s.writes = append(s.writes, write)
	s.mu.Unlock()
	s.signal()
}

// room waits until a publishing may be written, and reports whether: no if ctx ends, gone is closed, or the socket is.
func (s *socket) room(ctx context.Context, gone <-chan struct{}) bool {
	for {
		s.mu.Lock()
		closed, full, drained := s.closed, len(s.out.buf) >= sendBuffer, s.drained
		s.mu.Unlock()
		if closed || !full {
			return !closed
		}
		select {
		case <-drained:
		case <-gone:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Close implements net.Conn: what was written before still leaves, if the broker reads it soon.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.drained)
		s.Conn.SetWriteDeadline(time.Now().Add(linger))
		s.signal()
	}
	return nil
}

// abort closes the socket at once.
func (s *socket) abort() {
	s.Close()
	s.Conn.Close()
}

func (s *socket) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// write is the writer: it ends when the socket is closed and what it held is written, or writing fails.
func (s *socket) write() {
	defer close(s.done)
	defer s.abort()
	var buf []byte
	var writes []func()
	for {
		runtime.Gosched() // whoever is about to write something too comes first: that leaves in the same system call
		s.mu.Lock()
		writes, s.writes = s.writes, writes[:0]
		s.mu.Unlock()
		for _, write := range writes {
			write()
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
