package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

// Config says how to reach a broker. Only URI is needed.
type Config struct {
	// URI is amqp://user:password@host:port/vhost; amqps and pyamqp are taken too. What is left out is guest, guest,
	// localhost, 5672 (TLS: 5671) and "/". Several, separated by ";" or ",", are tried in turn, from the one behind the
	// broker that was lost. See the package for its parameters.
	URI string

	// TLS is how TLS is spoken, to all brokers; nil is TLS for amqps only, with the system's CAs. Without a ServerName
	// the broker's certificate must have the host of the URI. See [ReadTLS].
	TLS *tls.Config

	// LoginMethod is PLAIN, AMQPLAIN, or EXTERNAL, which logs in by the client's certificate; "" is PLAIN.
	LoginMethod string

	// Name is the connection's name in the broker's management: "service@host/pid".
	Name string

	// Dial makes the socket; nil is TCP. The address is host:port of the URI.
	// An embedded broker's in-memory connection comes in here.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Heartbeat is the interval proposed to the broker, in whole seconds; 0 is 60 s. The smaller of this and the
	// broker's counts. A broker that is silent for one and a half of it is given up.
	Heartbeat time.Duration

	// MaxMessage is the largest body sent, in bytes; 0 is 16 MiB.
	MaxMessage int

	// Codec encodes what is sent (Nameko's serializer). The default is [codec.JSON].
	Codec codec.Codec

	// Accept holds the codecs that received messages may use (Nameko's ACCEPT). The default is Codec, [codec.JSON] and
	// [msgpack.Codec].
	Accept codec.Set

	// Logger gets redials, refusals and what the broker says; nil is slog.Default().
	Logger *slog.Logger
}

// Accepts returns the codecs that received messages may use: Accept or its default.
func (c Config) Accepts() codec.Set {
	if len(c.Accept) > 0 {
		return c.Accept
	}
	set := codec.Set{codec.JSON, msgpack.Codec}
	if c.Codec == nil {
		return set
	}
	for i, other := range set {
		if other.ContentType() == c.Codec.ContentType() {
			set[i] = c.Codec
			return set
		}
	}
	return append(set, c.Codec)
}

// A Conn is a connection to a broker that redials by itself, for ever, with a back-off of 0.1 s to 10 s with jitter.
// Each socket is an epoch: topology is declared again, consumers consume again, and acknowledgements of an earlier
// epoch's deliveries are dropped, since the broker has taken those deliveries back. Its methods may be called by
// several goroutines.
type Conn struct {
	cfg       Config
	addresses []*address
	at        int // the address of the latest session; for whoever connects
	log       *slog.Logger
	frameMax  atomic.Int64 // of the latest session
	stop      context.CancelFunc
	wg        sync.WaitGroup // the keeper and the consumers

	mu        sync.Mutex
	current   *session // nil while the broker is away
	epoch     uint64
	away      error // why there is no session
	closed    bool
	changed   chan struct{} // closed and made anew when something above or a consumer's place changes
	topology  Topology
	consumers map[*Consumer]struct{}
}

// Dial connects to the broker. The first connection must succeed: a wrong password, an unknown vhost, a certificate that
// is not trusted or nobody listening is the error, with the cause and the remedy and never the password. After that the connection is kept
// until Close; ctx is for the first connection only.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	addresses, err := cfg.addresses()
	if err != nil {
		return nil, err
	}
	cfg.Accept = cfg.Accepts() // once
	c := &Conn{
		cfg:       cfg,
		addresses: addresses,
		log:       cmp.Or(cfg.Logger, slog.Default()),
		changed:   make(chan struct{}),
		consumers: map[*Consumer]struct{}{},
	}
	s, err := c.connect(ctx, 0)
	if err != nil {
		return nil, err
	}
	c.install(s)
	keep, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.wg.Go(func() { c.keep(keep, s) })
	return c, nil
}

// Close cancels nothing and acknowledges nothing: it writes the acknowledgements that were given, closes the
// connection in order within ctx, and waits for the connection's goroutines. Deliveries that are not settled go back
// to the broker; publishings without a confirm are settled with [ErrConnectionLost]. With the broker away, silent or
// blocked it ends all the same when ctx does, and says so. A second Close returns [ErrClosed].
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
	}
	var err error
	if s != nil {
		err = s.close(ctx)
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
	// With the session closed all of them end at once, but for a Handle that does not return.
	select {
	case <-done:
		return err
	case <-time.After(linger):
		return fmt.Errorf("close: a consumer's Handle has not returned: %w", context.Cause(ctx))
	}
}

// MaxMessage returns the largest body that may be sent, in bytes: Config.MaxMessage or its default.
func (c *Conn) MaxMessage() int { return cmp.Or(c.cfg.MaxMessage, 16<<20) }

// Codec returns the codec that encodes what is sent: Config.Codec or its default.
func (c *Conn) Codec() codec.Codec { return cmp.Or[codec.Codec](c.cfg.Codec, codec.JSON) }

// Accepts returns the codecs that received messages may use: [Config.Accepts].
func (c *Conn) Accepts() codec.Set { return c.cfg.Accepts() }

// session returns the session that is up, and waits for one while the broker is away.
func (c *Conn) session(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		s, changed, closed, away := c.current, c.changed, c.closed, c.away
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
			return nil, fmt.Errorf("the broker is away (%w): %w", cmp.Or(away, ErrConnectionLost), context.Cause(ctx))
		}
	}
}

// install makes s the session that is up, unless the connection was closed.
func (c *Conn) install(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.frameMax.Store(int64(cmp.Or(s.amqp.Config.FrameSize, frameSize)))
	c.current, c.away = s, nil
	c.epoch++
	c.broadcast()
	return true
}

// broadcast wakes all who wait for a change. The caller holds mu.
func (c *Conn) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}
