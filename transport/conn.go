package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/wait"
)

const (
	// backoffMin and backoffMax bound the wait before an attempt to reconnect.
	backoffMin = 100 * time.Millisecond
	backoffMax = 10 * time.Second

	// dialTimeout limits connect, TLS and login with one broker.
	dialTimeout = 10 * time.Second
)

// A Conn is a connection to a broker. When it is lost, the Conn reconnects, without a limit on
// attempts, with a backoff of 0.1 s to 10 s and jitter. Then it declares its topology again, and
// its consumers resume. Deliveries of the lost connection are not acknowledged on the new one,
// because the broker delivers them again.
//
// Several goroutines may use a Conn.
type Conn struct {
	cfg       Config
	addresses []*address
	latest    int // the index of the address of the latest session; only connect uses it
	log       *slog.Logger
	frameMax  atomic.Int64       // of the latest session
	stop      context.CancelFunc // ends run
	wg        sync.WaitGroup     // run and the consumers
	changes   sync.Mutex         // held while Config.Notify is called
	publisher *Publisher         // of Publish and Send
	signs     chan error         // reports missing parts of the topology to repair
	orphans   orphans
	names     nameLock // of queues, held while they are declared, bound or deleted

	mu        sync.Mutex
	current   *session        // nil while disconnected
	lastErr   error           // why there is no current session
	away      time.Time       // when the connection was lost; zero while connected
	epoch     uint64          // counts the sessions
	closed    bool            // by Close
	changed   chan struct{}   // closed and replaced when current or closed change
	refusals  map[string]bool // logged since the connection was lost
	topology  Topology
	deletions int // counts the calls of Delete
	consumers map[*Consumer]struct{}
}

// Dial connects to the broker. It returns an error if the broker is unreachable or rejects the
// login; the error says what to change, and never contains the password. Once connected, the Conn
// reconnects until it is closed. While it is disconnected, operations block until the connection is
// back or their context ends. ctx limits only the first connection. Each broker of the URI has 10 s
// to connect, or its connection_timeout, even if ctx has no deadline.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	addresses, err := cfg.addresses()
	if err != nil {
		return nil, err
	}
	cfg.Accept = cfg.Accepts()
	c := &Conn{
		cfg:       cfg,
		addresses: addresses,
		log:       named(cmp.Or(cfg.Logger, slog.Default()), cfg.Name, cfg.Purpose),
		changed:   make(chan struct{}),
		signs:     make(chan error, 1),
		refusals:  map[string]bool{},
		consumers: map[*Consumer]struct{}{},
	}
	c.publisher = c.Publisher()
	s, err := c.await(ctx)
	if err != nil {
		return nil, err
	}
	s.first = true
	c.setSession(s)
	c.notify(Change{Connected: true, Broker: s.addr.redacted})
	run, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.wg.Go(func() { c.run(run, s) })
	c.wg.Go(func() { c.repair(run) })
	return c, nil
}

// connect tries each broker once, beginning with the address at start.
func (c *Conn) connect(ctx context.Context, start int) (*session, error) {
	var errs []error
	for i := range c.addresses {
		at := (start + i) % len(c.addresses)
		a := c.addresses[at]
		s, err := openSession(ctx, &c.cfg, a, c.log)
		if err == nil {
			c.latest = at
			return s, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// run is the goroutine that reconnects: it waits for a session to end and opens the next.
func (c *Conn) run(ctx context.Context, s *session) {
	for s != nil {
		select {
		case <-s.lost:
		case <-ctx.Done():
			return // Close closes the session
		}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.current, c.lastErr, c.away = nil, s.err, time.Now()
		clear(c.refusals)
		c.broadcast()
		c.mu.Unlock()
		c.log.Warn("connection to the broker lost", "broker", s.addr.redacted, "err", s.err)
		c.notify(Change{Broker: s.addr.redacted, Err: s.err})
		s.wait()
		s = c.reconnect(ctx)
	}
}

// reconnect connects and declares the topology. It returns nil when ctx ends.
func (c *Conn) reconnect(ctx context.Context) *session {
	away, lost := outage{logger: c.log}, time.Now()
	for attempt := 0; ; attempt++ {
		if !backoff(ctx, attempt) {
			return nil
		}
		c.renewTLS()
		s, err := c.connect(ctx, c.latest+1)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			c.mu.Lock()
			c.lastErr = err
			c.mu.Unlock()
			away.failed("cannot reconnect to the broker", err, "attempt", attempt+1)
			continue
		}
		release := context.AfterFunc(ctx, s.sock.abort) // Close does not know this session
		declared := c.redeclare(s)
		release()
		if s.isLost() {
			s.abort()
			continue
		}
		if !c.setSession(s) {
			s.abort()
			return nil
		}
		given.Delete(s.addr.redacted)
		c.log.Info("reconnected to the broker", "broker", s.addr.redacted, "away", time.Since(lost).Round(time.Millisecond))
		c.notify(Change{Connected: true, Broker: s.addr.redacted, Away: time.Since(lost)})
		if !declared {
			c.wg.Go(func() { c.redeclareLater(ctx, s) })
		}
		return s
	}
}

// backoff waits before an attempt, counted from 0, and reports whether to go on.
func backoff(ctx context.Context, attempt int) bool {
	d := min(backoffMin<<min(attempt, 10), backoffMax)
	return wait.For(ctx, d/2+rand.N(d/2)) // with jitter, or many clients would reconnect at the same moment
}

// setSession makes s the current session, unless the Conn was closed.
func (c *Conn) setSession(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.frameMax.Store(int64(cmp.Or(s.amqp.Config.FrameSize, frameSize)))
	c.current, c.lastErr, c.away = s, nil, time.Time{}
	c.epoch++
	c.broadcast()
	return true
}

// broadcast wakes the goroutines that wait for a change. The caller holds mu.
func (c *Conn) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// session returns the current session, and waits for one while disconnected.
func (c *Conn) session(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		s, changed, closed, lastErr := c.current, c.changed, c.closed, c.lastErr
		c.mu.Unlock()
		switch {
		case closed:
			return nil, ErrClosed
		case s != nil && !s.isLost():
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("not connected to the broker (%w): %w", cmp.Or(lastErr, ErrConnectionLost), context.Cause(ctx))
		}
	}
}

// A Change is passed to [Config].Notify: the connection has opened, for the first time or again, or
// it was lost or closed.
type Change struct {
	Connected bool
	Broker    string        // its URI, without the password
	Away      time.Duration // if connected: how long the connection was lost; 0 the first time
	Err       error         // if not connected: why the connection was lost; nil if it was closed
}

func (c *Conn) notify(change Change) {
	if c.cfg.Notify == nil {
		return
	}
	c.changes.Lock()
	defer c.changes.Unlock()
	c.cfg.Notify(change)
}

// Away returns when the connection was lost, or the zero time while connected.
func (c *Conn) Away() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

// InMemory reports whether the broker is gomeko's embedded one, which loses everything when it
// stops. It returns false while the connection is lost.
func (c *Conn) InMemory() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != nil && c.current.inMemory()
}

// Blocked returns an error with the broker's reason if it blocks publishing on this connection,
// such as "the broker blocks publishing (low on memory)", and nil otherwise. RabbitMQ then reads
// nothing from the connection, so acknowledgements and requests wait too. It blocks a connection
// with its first publishing, so a connection that only consumes is never blocked.
func (c *Conn) Blocked() error {
	c.mu.Lock()
	s := c.current
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.blocked()
}

// Close closes the connection and waits for its goroutines. It first writes the acknowledgements
// given so far. Unsettled deliveries return to their queues, and unconfirmed publishings fail with
// [ErrConnectionLost]. If the broker does not answer before ctx ends, Close cuts the connection and
// returns an error. A second Close returns [ErrClosed].
func (c *Conn) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	c.closed = true
	s := c.current
	consumers := c.consumers
	c.consumers = nil
	c.broadcast()
	c.mu.Unlock()

	c.stop()
	for consumer := range consumers {
		consumer.flush()
		consumer.gate.release()
	}
	var err error
	if s != nil {
		err = s.close(ctx)
		c.notify(Change{Broker: s.addr.redacted})
	}
	done := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	// The session is closed, so every goroutine returns at once, except for a Handle that blocks.
	select {
	case <-done:
		return err
	case <-time.After(linger):
		return fmt.Errorf("close: a consumer's Handle has not returned: %w", context.Cause(ctx))
	}
}

// VHost returns the virtual host of the broker; if the URI names several brokers, that of the
// first.
func (c *Conn) VHost() string { return c.addresses[0].vhost }

// MaxMessage returns the largest body that may be sent, in bytes: Config.MaxMessage or its default.
func (c *Conn) MaxMessage() int { return cmp.Or(c.cfg.MaxMessage, 16<<20) }

// CompressOver returns Config.CompressOver.
func (c *Conn) CompressOver() int { return c.cfg.CompressOver }

// MaxDecoded returns the limit of a [codec.Budget] for a received body, in bytes: Config.MaxDecoded
// or its default.
func (c *Conn) MaxDecoded() int { return cmp.Or(c.cfg.MaxDecoded, 8*c.MaxMessage()) }

// user returns the user name of the login, or "" if the Conn has logged in with a certificate.
func (c *Conn) user() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.addr.mechanism == "EXTERNAL" {
		return ""
	}
	return c.current.addr.user
}

// Codec returns the codec that encodes what is sent: Config.Codec or its default.
func (c *Conn) Codec() codec.Codec { return cmp.Or[codec.Codec](c.cfg.Codec, codec.JSON) }

// Logger returns Config.Logger or its default.
func (c *Conn) Logger() *slog.Logger { return cmp.Or(c.cfg.Logger, slog.Default()) }

// Accepts returns the codecs that received messages may use: [Config.Accepts].
func (c *Conn) Accepts() codec.Set { return c.cfg.Accept }
