package jsonrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gomeko/gomeko/service"
)

const (
	maxLine   = 1 << 20
	replyTime = 10 * time.Second // limits how long writing a response may take
)

// A server serves one socket. It is the [service.Entrypoint] of all rows with its path, and is
// started and stopped once.
type server struct {
	host     *service.Host
	path     string
	methods  map[string]*service.Row // by the name in their signatures
	listener net.Listener

	mu sync.Mutex

	conns   map[net.Conn]bool
	stopped bool
}

func newServer(host *service.Host, path string) *server {
	return &server{host: host, path: path, methods: map[string]*service.Row{}, conns: map[net.Conn]bool{}}
}

// Setup opens the socket, so that the process does not start if that fails. Peers that connect wait
// until Start.
func (s *server) Setup(ctx context.Context) (err error) {
	s.listener, err = listen(ctx, s.path)
	return err
}

// Start begins to accept connections.
func (s *server) Start(context.Context) error {
	s.host.Go(s.accept)
	return nil
}

// Stop accepts no further requests, and returns. The container waits for the goroutines that still
// run calls and answer them.
func (s *server) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Unix(0, 1)) // ends a pending read; the response can still be written
	}
	return s.listener.Close()
}

// Kill closes all connections. It may be called during Stop, after Stop, or without Stop.
func (s *server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.conns {
		conn.Close()
	}
	s.listener.Close()
}

// accept runs until the listener is closed. If accepting fails, it stops the container.
func (s *server) accept(context.Context) {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.host.Fail(fmt.Errorf("socket %s: %w", s.path, err))
			return
		}
		s.host.Go(func(ctx context.Context) { s.converse(ctx, conn) })
	}
}

// converse answers the requests of a peer, one after another.
func (s *server) converse(ctx context.Context, conn net.Conn) {
	if !s.enter(conn) {
		conn.Close()
		return
	}
	defer s.leave(conn)
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if s.isStopped() {
			return
		}
		if r := s.answer(ctx, lines.Bytes()); r != nil && !s.send(conn, r) {
			return
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		s.send(conn, refuse(codeRequest, fmt.Errorf("a line must not exceed %d bytes", maxLine)))
	}
}

// answer runs the call that a line requests. It returns nil if the peer does not want a response.
func (s *server) answer(ctx context.Context, line []byte) *response {
	r, refused := parse(line)
	if refused != nil {
		return refused
	}
	result, err := s.call(ctx, r)
	if r.ID == nil {
		return nil
	}
	return newResponse(r.ID, result, err)
}

// call runs one call. [service.Row.Run] waits for a worker, so the server needs no queue.
func (s *server) call(ctx context.Context, r *request) (any, error) {
	row := s.methods[r.Method]
	if row == nil {
		return nil, &methodNotFound{r.Method}
	}
	args, err := r.arguments()
	if err != nil {
		return nil, err
	}
	return row.Run(ctx, service.Request{Arguments: args})
}

// send writes a response, and reports whether that succeeded.
func (s *server) send(conn net.Conn, r *response) bool {
	conn.SetWriteDeadline(time.Now().Add(replyTime))
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		s.host.Logger().Warn("response not sent", "socket", s.path, "err", err)
		return false
	}
	return true
}

func (s *server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.conns[conn] = true
	}
	return !s.stopped
}

func (s *server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	conn.Close()
}

func (s *server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// listen opens the socket at path. It replaces the socket of a process that was killed.
func listen(ctx context.Context, path string) (net.Listener, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
		return nil, fmt.Errorf("another process listens on %s: stop it, or choose another path", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}
