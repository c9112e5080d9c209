// Package connection holds the broker connections that the extensions of a container share.
//
// There are two, because a broker that is low on memory stops reading from connections that
// publish, which would also hold up acknowledgements. One connection publishes; it serves the RPC
// server with its replies, RPC clients, dispatchers and publishers. The other only consumes events
// and messages. Each is opened only if an extension asks for it.
package connection

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Shared is a connection that extensions of a container share. The container opens it before it
// sets up the extensions that asked for it, and closes it after they have stopped.
type Shared struct {
	host   *service.Host
	config transport.Config
	suffix string // of the connection's name
	needed bool   // Setup opens the connection

	opening sync.Mutex
	closed  bool                           // guarded by opening
	conn    atomic.Pointer[transport.Conn] // nil until the connection is opened
}

// Publishing returns the connection that publishes. Consumers that publish replies use it too.
func Publishing(host *service.Host) (*Shared, error) {
	s, err := OnDemand(host)
	if err != nil {
		return nil, err
	}
	s.needed = true
	return s, nil
}

// OnDemand returns the connection that publishes, for an extension that rarely publishes. Unless
// another extension needs it, it is opened only when [Shared.Open] is called.
func OnDemand(host *service.Host) (*Shared, error) {
	p, err := service.Shared(host, func(host *service.Host) (*publishing, error) {
		s, err := newShared(host, "", "rpc and publishing")
		return &publishing{s}, err
	})
	if err != nil {
		return nil, err
	}
	return p.Shared, nil
}

// Consuming returns the connection that never publishes.
func Consuming(host *service.Host) (*Shared, error) {
	c, err := service.Shared(host, func(host *service.Host) (*consuming, error) {
		s, err := newShared(host, " consuming", "events and messages")
		if err != nil {
			return nil, err
		}
		s.needed = true
		return &consuming{s}, nil
	})
	if err != nil {
		return nil, err
	}
	return c.Shared, nil
}

// Used reports whether an extension of the container has already asked for a connection to the
// broker.
func Used(host *service.Host) bool {
	_, publishes := service.Sharing[*publishing](host)
	_, consumes := service.Sharing[*consuming](host)
	return publishes || consumes
}

// Queues returns the names of the queues that the container has declared or consumes, sorted.
func Queues(host *service.Host) []string {
	var names []string
	if p, ok := service.Sharing[*publishing](host); ok {
		names = append(names, p.queues()...)
	}
	if c, ok := service.Sharing[*consuming](host); ok {
		names = append(names, c.queues()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// queues returns the queues of the connection, or none if it has not been opened.
func (s *Shared) queues() []string {
	if conn := s.Conn(); conn != nil {
		return conn.Queues()
	}
	return nil
}

// service.Shared finds both by their types.
type (
	publishing struct{ *Shared }
	consuming  struct{ *Shared }
)

func newShared(host *service.Host, suffix, purpose string) (*Shared, error) {
	config, ok := service.Lookup[transport.Config](host)
	if !ok {
		return nil, errors.New("no broker is configured: add service.Configure(transport.Config{URI: …}) to the services")
	}
	config.Logger = cmp.Or(config.Logger, host.Logger())
	config.Purpose = purpose
	return &Shared{host: host, config: config, suffix: suffix}, nil
}

// Codec returns the codec for messages that are published: [transport.Config].Codec or its default.
func (s *Shared) Codec() codec.Codec { return cmp.Or[codec.Codec](s.config.Codec, codec.JSON) }

// Accepts returns the codecs for messages that are received.
func (s *Shared) Accepts() codec.Set { return s.config.Accepts() }

// Conn returns the connection, or nil before Setup.
func (s *Shared) Conn() *transport.Conn { return s.conn.Load() }

// Open returns the connection. It opens the connection if no extension has needed it so far.
func (s *Shared) Open(ctx context.Context) (*transport.Conn, error) {
	if conn := s.conn.Load(); conn != nil {
		return conn, nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	switch conn := s.conn.Load(); {
	case conn != nil:
		return conn, nil
	case s.closed:
		return nil, transport.ErrClosed
	}
	config := s.config
	config.Name = cmp.Or(config.Name, s.host.Names()[0]+"@"+s.host.Instance()) + s.suffix
	own := config.Notify
	config.Notify = func(c transport.Change) {
		s.observe(config, c)
		if own != nil {
			own(c)
		}
	}
	conn, err := transport.Dial(ctx, config)
	if err != nil {
		return nil, err
	}
	s.conn.Store(conn)
	return conn, nil
}

// Outage reports whether the broker is unreachable. It implements [service.Outage].
func (s *Shared) Outage() (what string, since time.Time) {
	if conn := s.conn.Load(); conn != nil { // it has been opened
		since = conn.Away()
	}
	return "the broker", since
}

// Setup connects to the broker.
func (s *Shared) Setup(ctx context.Context) error {
	if !s.needed {
		return nil
	}
	_, err := s.Open(ctx)
	return err
}

// observe tells the container's observers about a change of the connection.
func (s *Shared) observe(config transport.Config, change transport.Change) {
	c := service.Connection{Name: config.Name, Purpose: config.Purpose, Broker: change.Broker, Away: change.Away, Err: change.Err}
	if change.Connected {
		s.host.Observers().Connected(c)
	} else {
		s.host.Observers().Disconnected(c)
	}
}

// Stop closes the connection.
func (s *Shared) Stop(ctx context.Context) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	s.closed = true
	if conn := s.conn.Load(); conn != nil {
		return conn.Close(ctx)
	}
	return nil
}

// Kill closes the connection at once.
func (s *Shared) Kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Stop(ctx)
}
