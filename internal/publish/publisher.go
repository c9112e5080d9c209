// Package publish publishes payloads: events and messages.
package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// timeout limits the wait for the broker if ctx has no deadline.
const timeout = 30 * time.Second

// A Publisher encodes payloads and publishes them. It may be used by several goroutines; none waits
// for the confirm of another.
type Publisher struct {
	kind     string // package of the field's type: events or messaging
	service  string // service of the field; "" outside of services
	field    string // such as "service orders: Dispatch"; "" outside of services
	topology transport.Topology
	exchange string                         // "" is the default exchange, or no fixed one
	outbox   service.Outbox                 // when messages are sent
	database Outbox                         // stores them until then; nil unless outbox is OutboxDatabase
	conn     atomic.Pointer[transport.Conn] // nil until the container is set up

	observers *service.Observers // nil outside of services
}

// New returns the Publisher for a field of the package kind, on the container's connection for
// publishing. At setup it declares t, together with what messaging.Declare declares for the
// exchange. It declares them again if an exchange turns out to be missing.
func New(f *service.Field, kind, exchange string, t transport.Topology) (*Publisher, error) {
	s, err := service.Shared(f.Host, newShared)
	if err != nil {
		return nil, err
	}
	known, err := topology.Of(f.Host)
	if err != nil {
		return nil, err
	}
	outbox, outboxErr := f.Outbox()
	t, err = known.Add(f.Service, f.Name, t, "", exchange)
	p := &Publisher{
		kind:      kind,
		service:   f.Service,
		field:     "service " + f.Service + ": " + f.Name,
		topology:  t,
		exchange:  exchange,
		outbox:    outbox,
		observers: f.Host.Observers(),
	}
	if outbox == service.OutboxDatabase {
		p.database, outboxErr = outboxOf(f.Host)
	}
	s.publishers = append(s.publishers, p)
	return p, errors.Join(err, outboxErr)
}

// On returns a Publisher on the connection of a program that does not host services. It declares
// nothing.
func On(conn *transport.Conn) *Publisher {
	p := &Publisher{}
	p.conn.Store(conn)
	return p
}

// A shared is shared by all Publishers of a container.
type shared struct {
	connection *connection.Shared
	publishers []*Publisher
}

func newShared(host *service.Host) (*shared, error) {
	c, err := connection.Publishing(host)
	s := &shared{connection: c}
	return s, errors.Join(err, connection.Planned(host, s.plan))
}

// plan returns what the publishers need from the broker.
func (s *shared) plan() connection.Plan {
	p := connection.Plan{By: "publishers and dispatchers"}
	for _, publisher := range s.publishers {
		p.Topology = connection.Merge(p.Topology, publisher.topology)
		p.Writes = append(p.Writes, publisher.exchange)
	}
	return p
}

// Setup declares the topology of all publishers.
func (s *shared) Setup(ctx context.Context) error {
	conn := s.connection.Conn()
	for _, p := range s.publishers {
		if err := p.declare(ctx, conn); err != nil {
			return fmt.Errorf("%s: %w", p.field, topology.Explain(err))
		}
		p.conn.Store(conn)
	}
	return nil
}

func (p *Publisher) declare(ctx context.Context, conn *transport.Conn) error {
	if len(p.topology.Exchanges)+len(p.topology.Queues) == 0 {
		return nil
	}
	return conn.Declare(ctx, p.topology)
}

// Publish publishes payload with the properties of m, and waits for the broker's confirm. It waits
// until ctx's deadline, or for 30 s if ctx has none.
//
// m.ContentType names the codec of the payload; "" means the codec of the connection. The header
// compression with the value zlib compresses the body. Publish adds the context data and the call
// id stack of ctx to the headers. It returns an error if the payload cannot be encoded, and the
// errors of [transport.Conn.Publish]. With outbox:"memory" in the tag of the field, the message is
// published after the call ([service.AfterCall]). With outbox:"database", it is stored in the
// transaction of the call, and published after the commit.
func (p *Publisher) Publish(ctx context.Context, payload any, m transport.Publishing) error {
	conn := p.conn.Load()
	if conn == nil {
		return errors.New("the container has not started")
	}
	m.Headers = maps.Clone(m.Headers) // do not change the caller's map
	if err := encode(conn, payload, &m); err != nil {
		return err
	}
	all := headers.Of(ctx, "")
	for name, value := range m.Headers {
		if _, taken := all[name]; !taken { // those of ctx have precedence, as in Nameko
			all[name] = value
		}
	}
	m.Headers, m.Compressible = all, true
	if p.outbox == service.OutboxMemory {
		return service.AfterCall(ctx, func(ctx context.Context) error { return p.send(ctx, conn, m) })
	}
	return p.send(ctx, conn, m)
}

// send publishes m, whose body and headers are set, or stores it in the database. It informs the
// observers.
func (p *Publisher) send(ctx context.Context, conn *transport.Conn, m transport.Publishing) error {
	if !p.observers.On() {
		return p.deliver(ctx, conn, m)
	}
	seen := service.Message{Kind: p.kind, Exchange: m.Exchange, Key: m.Key, Size: len(m.Body), Headers: m.Headers}
	if p.kind == "events" {
		seen.Service, seen.Method = p.service, m.Key
	}
	began := time.Now()
	ctx = p.observers.SendBegan(ctx, seen)
	err := p.deliver(ctx, conn, m)
	p.observers.SendEnded(ctx, seen, time.Since(began), err)
	return err
}

// deliver publishes m and waits for the broker's confirm, or stores m in the database.
func (p *Publisher) deliver(ctx context.Context, conn *transport.Conn, m transport.Publishing) error {
	if p.database != nil {
		return p.keep(ctx, conn, m)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not in %s: %w", timeout, context.DeadlineExceeded))
		defer cancel()
	}
	err := conn.Publish(ctx, m)
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound && len(p.topology.Exchanges) > 0 {
		if err = p.declare(ctx, conn); err == nil { // it was deleted, perhaps with its last queue
			err = conn.Publish(ctx, m)
		}
	}
	return err
}

// notFound is the broker's reply code for an exchange that does not exist.
const notFound = 404

// encode sets m's body to the encoded payload, according to m's properties.
func encode(conn *transport.Conn, payload any, m *transport.Publishing) (err error) {
	codecs := slices.Concat(codec.Set{conn.Codec()}, conn.Accepts(), codec.Set{codec.JSON, msgpack.Codec})
	c := codecs.Of(m.ContentType)
	if c == nil {
		return fmt.Errorf("content_type %q has no codec: leave it out, or write %s", m.ContentType, codecs[len(codecs)-2:])
	}
	if m.Body, err = c.Encode(payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	m.ContentType, m.ContentEncoding = c.ContentType(), c.ContentEncoding()
	switch compression := m.Headers["compression"]; compression {
	case nil, "":
	case codec.Zlib, "zlib", "gzip":
		m.Body, m.Headers["compression"] = codec.Deflate(m.Body), codec.Zlib
	default:
		return fmt.Errorf("compression %q is not supported: write zlib, or leave it out", compression)
	}
	return nil
}
