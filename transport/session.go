package transport

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// frameSize is the largest frame that is proposed to the broker, in bytes.
const frameSize = 128 << 10

// errChannelClosed says that a channel or the socket was closed before anything was sent, so the
// caller may try again on the next one.
var errChannelClosed = errors.New("channel is closed")

// A session is one AMQP connection of a Conn, from login to its end.
type session struct {
	addr *address
	amqp *amqp.Connection
	sock *socket
	log  *slog.Logger
	wg   sync.WaitGroup // see start

	lost chan struct{} // closed when the connection has ended
	err  error         // why; valid once lost is closed

	first bool // the first session of its Conn

	mu     sync.Mutex
	ended  bool              // start starts no more goroutines
	queues map[string]string // by Queue.Name, the names of queues that are declared under another one
}

// openSession connects to one broker and logs in.
func openSession(ctx context.Context, cfg *Config, a *address, log *slog.Logger) (*session, error) {
	limit := cmp.Or(a.timeout, dialTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	conn, err := dial(ctx, cfg, a)
	if err != nil {
		return nil, newDialError(ctx, a, err)
	}
	sock := newSocket(conn)
	release := context.AfterFunc(ctx, sock.abort)
	connection, err := amqp.Open(sock, amqpConfig(cfg, a))
	if !release() {
		err = context.Cause(ctx)
	}
	if err != nil {
		sock.abort()
		<-sock.done
		return nil, newDialError(ctx, a, sock.cause(err))
	}
	s := &session{addr: a, amqp: connection, sock: sock, log: log, lost: make(chan struct{})}
	closes := connection.NotifyClose(make(chan *amqp.Error, 1))
	s.start(func() { s.watch(closes) })
	return s, nil
}

// dial makes the network connection, and speaks TLS on it if a requires that.
func dial(ctx context.Context, cfg *Config, a *address) (net.Conn, error) {
	dial := cfg.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	conn, err := dial(ctx, a.hostport)
	if err != nil || a.tlsConfig == nil {
		return conn, err
	}
	secured := tls.Client(conn, a.tlsConfig)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// amqpConfig returns what to propose to the broker.
func amqpConfig(cfg *Config, a *address) amqp.Config {
	properties := amqp.Table{"product": "gomeko", "platform": "Go"}
	if cfg.Name != "" {
		properties.SetClientConnectionName(cfg.Name)
	}
	heartbeat := cmp.Or(a.heartbeat, cfg.Heartbeat)
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

// A login implements [amqp.Authentication] with the mechanism of an address.
type login struct {
	*address
	properties amqp.Table // of the connection
}

// Mechanism returns the name of the SASL mechanism.
func (l *login) Mechanism() string { return l.mechanism }

// Response returns the credentials. amqp091-go calls it after it has added its capabilities to the
// properties, and before it sends them. Response adds one more: without it, a broker that rejects
// the login closes the connection without saying why.
func (l *login) Response() string {
	if capabilities, ok := l.properties["capabilities"].(amqp.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	switch l.mechanism {
	case "EXTERNAL":
		return "" // the broker looks at the client's certificate
	case "AMQPLAIN":
		return (&amqp.AMQPlainAuth{Username: l.user, Password: l.password}).Response()
	default:
		return (&amqp.PlainAuth{Username: l.user, Password: l.password}).Response()
	}
}

// watch is the goroutine that logs alarms of the broker, and notes the end of the connection.
func (s *session) watch(closes <-chan *amqp.Error) {
	for {
		select {
		case reason := <-s.sock.alarms:
			if reason != nil {
				s.log.Warn("broker blocks publishing", "broker", s.addr.redacted, "reason", *reason)
			} else {
				s.log.Info("broker accepts publishing again", "broker", s.addr.redacted)
			}
		case err, ok := <-closes:
			s.err = ErrClosed
			if ok {
				s.err = closeError(err, connecting)
			}
			close(s.lost)
			return
		}
	}
}

// rename returns the name under which to declare q on this session.
func (s *session) rename(q Queue) string {
	if q.Renewed == "" || s.first {
		return q.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, ok := s.queues[q.Name]
	if !ok {
		id := make([]byte, 16)
		_, _ = rand.Read(id) // it never fails
		name = q.Renewed + hex.EncodeToString(id)
		if s.queues == nil {
			s.queues = map[string]string{}
		}
		s.queues[q.Name] = name
	}
	return name
}

// queue returns the name of a queue on this session.
func (s *session) queue(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.queues[name], name)
}

// major returns the major version of the broker, or 0 if it is not RabbitMQ.
func (s *session) major() int {
	product, _ := s.amqp.Properties["product"].(string)
	version, _ := s.amqp.Properties["version"].(string)
	first, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	if product != "RabbitMQ" || err != nil {
		return 0
	}
	return major
}

// inMemory reports whether the broker is gomeko's: it claims to be RabbitMQ, but its platform is
// Go, not Erlang.
func (s *session) inMemory() bool {
	platform, _ := s.amqp.Properties["platform"].(string)
	return strings.HasPrefix(platform, "go")
}

func (s *session) isLost() bool {
	select {
	case <-s.lost:
		return true
	default:
		return s.amqp.IsClosed()
	}
}

// do calls f, which talks to the broker, and waits for it until ctx ends. f may go on after that,
// but not longer than the session.
func (s *session) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	if !s.start(func() { result <- f() }) {
		return errChannelClosed
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return s.contextError(ctx)
	}
}

// start starts a goroutine that the session waits for. It returns false if the session has ended.
func (s *session) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.wg.Go(f)
	}
	return !s.ended
}

// contextError returns ctx's cause, with the broker's reason if it blocks publishers.
func (s *session) contextError(ctx context.Context) error {
	if blocked := s.blocked(); blocked != nil {
		return fmt.Errorf("%w: %w", blocked, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// blocked returns why the broker blocks publishers, or nil if it does not.
func (s *session) blocked() error {
	if reason := s.sock.blocked.Load(); reason != nil {
		return fmt.Errorf("the broker blocks publishing (%s)", *reason)
	}
	return nil
}

// close closes the connection with AMQP's handshake, or cuts it when ctx ends.
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
		err = fmt.Errorf("close: the broker does not answer, connection cut: %w", s.contextError(ctx))
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
