package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	defaultHeartbeat  = 60 * time.Second
	defaultMaxMessage = 128 << 20
	defaultMaxMemory  = 1 << 30
)

// A Config says what a [Broker] is. The zero value is a broker with the virtual host
// "/" and the user guest, who may connect from this machine only.
type Config struct {
	Users          map[string]string // password by name; default guest with the password guest
	VHosts         []string          // virtual hosts beside "/"
	Heartbeat      time.Duration     // suggested to clients, in whole seconds; default 60 s, negative for none
	MaxMessage     int64             // largest body in bytes, a larger one closes its channel (406); default 128 MiB
	MaxMemory      int64             // bytes of messages; beyond, publishers wait (connection.blocked); default 1 GiB
	MaxQueues      int               // in each virtual host, one more is refused (406); default no limit
	MaxConnections int               // to each virtual host, one more is refused (530); default no limit
	TLS            *tls.Config       // what ListenTLS presents
	Logger         *slog.Logger      // default slog.Default()
}

// A Broker is an AMQP 0-9-1 server that keeps everything in memory. Make one with
// [New]; it serves once [Broker.Listen] or [Broker.Dial] is called. All of its
// methods may be called from several goroutines.
type Broker struct {
	began      time.Time
	heartbeat  time.Duration
	maxMessage uint64
	alarm      *alarm
	tls        *tls.Config
	log        *slog.Logger
	limits     limits         // of each virtual host
	serving    sync.WaitGroup // accept loops, connections, and requests of the management API

	mu        sync.Mutex
	closed    bool
	listeners []io.Closer
	conns     map[*conn]struct{}
	count     int // of connections since the broker began
	users     map[string]secret
	vhosts    map[string]*vhost
}

// New returns a broker that is ready but listens nowhere yet.
func New(cfg Config) *Broker {
	b := &Broker{
		began:      time.Now(),
		heartbeat:  max(cmp.Or(cfg.Heartbeat, defaultHeartbeat), 0),
		maxMessage: uint64(cmp.Or(cfg.MaxMessage, defaultMaxMessage)),
		alarm:      &alarm{limit: cmp.Or(cfg.MaxMemory, defaultMaxMemory)},
		tls:        cfg.TLS,
		log:        cmp.Or(cfg.Logger, slog.Default()),
		limits:     limits{conns: cfg.MaxConnections, queues: cfg.MaxQueues},
		conns:      make(map[*conn]struct{}),
		users:      make(map[string]secret),
		vhosts:     make(map[string]*vhost),
	}
	users := cfg.Users
	if len(users) == 0 {
		users = map[string]string{"guest": "guest"}
	}
	for name, password := range users {
		b.users[name] = newSecret(password)
	}
	for _, name := range append([]string{"/"}, cfg.VHosts...) {
		b.vhosts[name] = newVHost(name, b.log, b.alarm, b.limits)
	}
	return b
}

var errClosed = errors.New("broker: closed")

// Listen serves TCP on addr, "host:port" with port 0 for any free one, and returns the
// address that it listens on. It may be called more than once.
func (b *Broker) Listen(addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b.listen(l)
}

// ListenTLS is [Broker.Listen] for clients that speak TLS. It fails if the broker was
// made without Config.TLS.
func (b *Broker) ListenTLS(addr string) (net.Addr, error) {
	if b.tls == nil {
		return nil, errors.New("broker: no certificate to listen with: set Config.TLS")
	}
	l, err := tls.Listen("tcp", addr, b.tls)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b.listen(l)
}

func (b *Broker) listen(l net.Listener) (net.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		l.Close()
		return nil, errClosed
	}
	b.listeners = append(b.listeners, l)
	b.serving.Go(func() { b.accept(l) })
	return l.Addr(), nil
}

// Dial connects to the broker within the process: no port is involved. The connection
// is buffered, honours deadlines, and is what amqp091-go's Config.Dial asks for.
func (b *Broker) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := memoryPipe()
	if !b.serve(server) {
		return nil, errClosed
	}
	return client, nil
}

// Close stops the broker: it accepts no more connections, tells every client that it
// goes, lets out what is queued for them, and returns when all of its goroutines have
// ended. When ctx ends first the connections are cut, and ctx's error is returned.
func (b *Broker) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	for _, l := range b.listeners {
		l.Close()
	}
	b.listeners = nil
	conns := b.snapshot()
	b.mu.Unlock()
	for _, c := range conns {
		c.close(exceptionf(codeConnectionForced, "broker forced connection closure with reason 'shutdown'"), stopTimeout)
	}

	done := make(chan struct{})
	go func() {
		b.serving.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		for _, c := range conns {
			c.nc.Close()
		}
		<-done
	}
	for _, v := range b.hosts() {
		v.stop()
	}
	return err
}

// Messages returns how many messages the broker holds, ready and unacknowledged, in
// all virtual hosts: what is lost when it stops.
func (b *Broker) Messages() int {
	n := 0
	for _, v := range b.hosts() {
		n += v.messages()
	}
	return n
}

// knows reports whether a user has this password.
func (b *Broker) knows(user, password string) bool {
	b.mu.Lock()
	want, known := b.users[user]
	b.mu.Unlock()
	return want.is(password) && known // the same work for an unknown user
}

// vhost returns a virtual host, nil if there is none of this name.
func (b *Broker) vhost(name string) *vhost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.vhosts[name]
}

// hosts returns the virtual hosts by name.
func (b *Broker) hosts() []*vhost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sorted(b.vhosts)
}

// sorted returns the values of m in the order of their names.
func sorted[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[name])
	}
	return values
}

func (b *Broker) snapshot() []*conn {
	conns := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		conns = append(conns, c)
	}
	return conns
}

// accept serves the connections of a listener until it is closed.
func (b *Broker) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, as a rule: others will close theirs
			b.log.Error("accepting a connection", "addr", l.Addr(), "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		b.serve(nc)
	}
}

// serve starts a connection, and reports false if the broker is closed.
func (b *Broker) serve(nc net.Conn) bool {
	c := newConn(b, nc)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		nc.Close()
		return false
	}
	b.count++
	c.number = b.count
	b.conns[c] = struct{}{}
	b.serving.Go(func() {
		c.serve()
		b.mu.Lock()
		delete(b.conns, c)
		b.mu.Unlock()
	})
	return true
}
