package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// frameSize is the largest frame that a Conn proposes to send and receive, in bytes.
const frameSize = 128 << 10

// errChannelClosed is the error inside the package of what met a dead channel or socket: nothing was sent, try the next one.
var errChannelClosed = errors.New("channel is gone")

// A session is one socket of a Conn: an epoch.
type session struct {
	addr *address
	amqp *amqp.Connection
	sock *socket
	log  *slog.Logger
	wg   sync.WaitGroup

	lost chan struct{} // closed when the connection has ended
	err  error         // why; read it after lost

	mu        sync.Mutex
	ended     bool       // no goroutine may start any more
	publisher *publisher // nil until something is published, for a broker blocks connections that publish
}

// open connects to one broker and logs in.
func (c *Conn) open(ctx context.Context, a *address) (*session, error) {
	limit := cmp.Or(a.timeout, dialTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	conn, err := c.dial(ctx, a)
	if err != nil {
		return nil, explain(ctx, a, err)
	}
	sock := newSocket(conn)
	abandon := context.AfterFunc(ctx, sock.abort)
	connection, err := amqp.Open(sock, c.proposal(a))
	if !abandon() {
		err = context.Cause(ctx)
	}
	if err != nil {
		sock.abort()
		<-sock.done
		return nil, explain(ctx, a, sock.cause(err))
	}
	s := &session{addr: a, amqp: connection, sock: sock, log: c.log, lost: make(chan struct{})}
	closes := connection.NotifyClose(make(chan *amqp.Error, 1))
	s.run(func() { s.watch(closes) })
	return s, nil
}

// proposal returns what we would agree on with the broker.
func (c *Conn) proposal(a *address) amqp.Config {
	properties := amqp.Table{"product": "gomeko", "platform": "Go"}
	if c.cfg.Name != "" {
		properties.SetClientConnectionName(c.cfg.Name)
	}
	heartbeat := cmp.Or(a.heartbeat, c.cfg.Heartbeat)
	if heartbeat < time.Second {
		heartbeat = time.Minute
	}
	return amqp.Config{
		SASL:       []amqp.Authentication{&login{address: a, properties: properties}},
		Vhost:      a.vhost,
		FrameSize:  frameSize,
		Heartbeat:  heartbeat,
		Properties: properties,
		Locale:     "en_US",
	}
}

// dial makes the socket, with TLS where it is wanted.
func (c *Conn) dial(ctx context.Context, a *address) (net.Conn, error) {
	dial := c.cfg.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	conn, err := dial(ctx, a.hostport)
	if err != nil || a.secured == nil {
		return conn, err
	}
	secured := tls.Client(conn, a.secured)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// watch is the goroutine that hears what the broker says of the connection, until it ends.
func (s *session) watch(closes <-chan *amqp.Error) {
	for {
		select {
		case reason := <-s.sock.alarms:
			if reason != nil {
				s.log.Warn("broker blocks publishing", "broker", s.addr.shown, "reason", *reason)
			} else {
				s.log.Info("broker takes publishings again", "broker", s.addr.shown)
			}
		case err, ok := <-closes:
			s.err = ErrClosed
			if ok {
				s.err = reason(err, connecting)
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
		return errChannelClosed
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
	if reason := s.sock.blocked.Load(); reason != nil {
		return fmt.Errorf("broker blocks publishing (%s): %w", *reason, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// close closes the connection in order, or cuts it when ctx ends.
func (s *session) close(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.amqp.Close()
	}()
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
