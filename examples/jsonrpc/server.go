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
	replyTime = 10 * time.Second // for a peer to take its reply
)

// A server is one socket. It is the [service.Entrypoint] of all rows with its path, so that it starts and stops once.
type server struct {
	host     *service.Host
	path     string
	methods  map[string]*service.Row // by name on the wire
	listener net.Listener

	mu sync.Mutex

	conns   map[net.Conn]bool
	stopped bool
}

func newServer(host *service.Host, path string) *server {
	return &server{host: host, path: path, methods: map[string]*service.Row{}, conns: map[net.Conn]bool{}}
}

// Setup takes the socket: a path that cannot be had is told before anything runs. Peers wait until Start.
func (s *server) Setup(ctx context.Context) (err error) {
	s.listener, err = listen(ctx, s.path)
	return err
}

// Start lets peers in.
func (s *server) Start(context.Context) error {
	s.host.Go(s.accept)
	return nil
}

// Stop takes no further requests. Those that were taken are answered: their goroutines are waited for.
func (s *server) Stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Unix(0, 1)) // wakes who waits for a line; a reply can still be written
	}
	return s.listener.Close()
}

// Kill hangs up. It may come during Stop, after it, or without one.
func (s *server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for conn := range s.conns {
		conn.Close()
	}
	s.listener.Close()
}

// accept runs until the listener is closed. A socket that takes nobody is no service: it ends the container.
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

// converse answers the requests of a peer, one after the other.
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
		s.send(conn, refuse(codeRequest, fmt.Errorf("a line may have %d bytes", maxLine)))
	}
}

// answer runs the call that a line asks for. It returns nil when nobody waits for the result.
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

// call runs one call: [service.Row.Run] waits for a free worker, which is why nothing is queued here.
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

// send reports whether the peer has taken r.
func (s *server) send(conn net.Conn, r *response) bool {
	conn.SetWriteDeadline(time.Now().Add(replyTime))
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		s.host.Logger().Warn("reply not sent", "socket", s.path, "err", err)
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

// listen takes the socket at path, also from a process that was killed and left its file.
func listen(ctx context.Context, path string) (net.Listener, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
		return nil, fmt.Errorf("another process listens on %s: stop it, or give this one a path of its own", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}
