package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// errGone is the error inside the package of what met a dead channel or socket: nothing was sent, try the next one.
var errGone = errors.New("channel is gone")

// A session is one socket of a Conn: an epoch.
type session struct {
	addr    address
	amqp    *amqp.Connection
	sock    *socket
	log     *slog.Logger
	blocked atomic.Pointer[string] // why the broker takes no publishings; nil: it does
	wg      sync.WaitGroup

	lost chan struct{} // closed when the connection has ended
	err  error         // why; read it after lost

	mu        sync.Mutex
	ended     bool       // no goroutine may start any more
	publisher *publisher // nil until something is published, for a broker blocks connections that publish
}

// open connects to one broker and logs in.
func (c *Conn) open(ctx context.Context, a address) (*session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no answer within %s", dialTimeout))
	defer cancel()
	conn, err := c.dial(ctx, a)
	if err != nil {
		return nil, explain(ctx, a, err)
	}
	sock := newSocket(conn)
	abandon := context.AfterFunc(ctx, sock.abort)
	properties := amqp.Table{"product": "gomeko", "platform": "Go"}
	if c.cfg.Name != "" {
		properties.SetClientConnectionName(c.cfg.Name)
	}
	heartbeat := c.cfg.Heartbeat
	if heartbeat < time.Second {
		heartbeat = time.Minute
	}
	conf := amqp.Config{
		SASL:       []amqp.Authentication{&amqp.PlainAuth{Username: a.user, Password: a.password}},
		Vhost:      a.vhost,
		FrameSize:  128 << 10,
		Heartbeat:  heartbeat,
		Properties: properties,
		Locale:     "en_US",
	}
	connection, err := amqp.Open(sock, conf)
	switch {
	case !abandon():
		err = context.Cause(ctx)
	case errors.Is(err, net.ErrClosed): // what ended the socket first is not told
		err = &amqp.Error{Code: amqp.FrameError, Reason: "connection closed"}
	}
	if err != nil {
		sock.abort()
		<-sock.done
		return nil, explain(ctx, a, err)
	}
	s := &session{addr: a, amqp: connection, sock: sock, log: c.log, lost: make(chan struct{})}
	closes := connection.NotifyClose(make(chan *amqp.Error, 1))
	blocks := connection.NotifyBlocked(make(chan amqp.Blocking, 1))
	s.run(func() { s.watch(closes, blocks) })
	return s, nil
}

// dial makes the socket, with TLS for amqps.
func (c *Conn) dial(ctx context.Context, a address) (net.Conn, error) {
	dial := c.cfg.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	conn, err := dial(ctx, a.hostport)
	if err != nil || !a.tls {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: a.host})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// watch is the goroutine that hears what the broker says of the connection, until it ends.
func (s *session) watch(closes <-chan *amqp.Error, blocks <-chan amqp.Blocking) {
	for {
		select {
		case b, ok := <-blocks:
			switch {
			case !ok:
				blocks = nil
			case b.Active:
				s.blocked.Store(&b.Reason)
				s.log.Warn("broker blocks publishing", "broker", s.addr.shown, "reason", b.Reason)
			default:
				s.blocked.Store(nil)
				s.log.Info("broker takes publishings again", "broker", s.addr.shown)
			}
		case err, ok := <-closes:
			s.err = ErrClosed
			if ok {
				s.err = reason(err)
			}
			close(s.lost)
			return
		}
	}
}

func (s *session) isLost() bool {
	select {
	case <-s.lost:
		return true
	default:
		return s.amqp.IsClosed()
	}
}

// do runs f, which talks to the broker, no longer than ctx: f itself ends with the session at the latest.
func (s *session) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	if !s.run(func() { result <- f() }) {
		return errGone
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return s.late(ctx)
	}
}

// run starts a goroutine of the session's, unless the session has ended.
func (s *session) run(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.wg.Go(f)
	}
	return !s.ended
}

// late returns ctx's cause, and that the broker is to blame if it is.
func (s *session) late(ctx context.Context) error {
	if reason := s.blocked.Load(); reason != nil {
		return fmt.Errorf("broker blocks publishing (%s): %w", *reason, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// close closes the connection in order, or cuts it when ctx ends.
func (s *session) close(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() { closed <- s.amqp.Close() }()
	var err error
	select {
	case <-closed:
	case <-ctx.Done():
		err = fmt.Errorf("close: the broker does not answer, connection cut: %w", s.late(ctx))
		s.sock.abort()
		<-closed
	}
	s.wait()
	return err
}

// abort cuts the connection and waits for its goroutines.
func (s *session) abort() {
	s.sock.abort()
	s.wait()
}

// wait waits for the goroutines of a session whose connection has ended or is ending.
func (s *session) wait() {
	<-s.lost
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.wg.Wait()
	<-s.sock.done
}
