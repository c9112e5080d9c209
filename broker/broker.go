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

// The values of Config.LoginFrom match those of RabbitMQ's ssl_cert_login_from.
const (
	LoginFromCommonName        = "common_name"        // CN=ana,O=shop is the user ana
	LoginFromDistinguishedName = "distinguished_name" // CN=ana,O=shop is the user "CN=ana,O=shop"
)

// A Config configures a [Broker]. The zero value is a broker with the virtual host "/" and the user
// guest.
type Config struct {
	// Users maps names to passwords. The default is the user guest with the password guest. guest
	// may connect only from this machine. A user without a password can log in only with a
	// certificate; see LoginFrom.
	Users map[string]string

	// Access maps names of Users to their permissions and limits. A user without an entry may do
	// everything. An invalid expression permits nothing and is logged; see [Permission.Err].
	Access map[string]Access

	// VHosts are virtual hosts in addition to "/".
	VHosts []string

	// Heartbeat is the interval that the broker proposes to clients, in whole seconds. The default
	// is 60 s; a negative value disables heartbeats.
	Heartbeat time.Duration

	// MaxMessage limits the size of a body in bytes. A larger body closes its channel with 406. The
	// default is 128 MiB.
	MaxMessage int64

	// MaxMemory limits the memory that clients use, in bytes: messages, with an overhead for each
	// queue that holds one, bodies being received, frames waiting to be sent, queues, bindings,
	// consumers, channels and connections. Over the limit, publishers wait (connection.blocked). A
	// connection that sends a body when usage has exceeded the limit by an eighth and MaxMessage is
	// closed with 506, as is one that creates objects such as queues when these already use a
	// quarter of the limit. The default is 1 GiB.
	MaxMemory int64

	// MaxQueues limits the queues of each virtual host. Declaring one more fails with 406. The
	// default is no limit.
	MaxQueues int

	// MaxConnections limits the connections to each virtual host. One more is refused with 530. The
	// default is no limit.
	MaxConnections int

	// MaxChannels limits the channels of each connection. It is proposed to clients, and a client
	// that opens more is disconnected with 530. The default, and the maximum, is 2047.
	MaxChannels int

	// ManagementHosts are the host names with which clients may address the management API, in
	// addition to localhost and addresses such as 127.0.0.1. Set them behind a proxy or a tunnel
	// that keeps the Host header. "*" accepts every name, and so disables the protection against
	// DNS rebinding: a web page whose host name resolves to 127.0.0.1 can then send requests.
	ManagementHosts []string

	// TLS configures ListenTLS. If its ClientAuth verifies client certificates, a client with a
	// certificate may log in without a password (EXTERNAL).
	TLS *tls.Config

	// LoginFrom says which name in a certificate is the user: LoginFromCommonName, the default, or
	// LoginFromDistinguishedName.
	LoginFrom string

	// Logger receives the broker's log. The default is slog.Default().
	Logger *slog.Logger
}

// A Broker is an AMQP 0-9-1 server that keeps everything in memory. Create it with [New], then call
// [Broker.Listen] or [Broker.Dial]. Several goroutines may call its methods.
type Broker struct {
	began      time.Time
	heartbeat  time.Duration
	maxMessage uint64
	channelMax int
	alarm      *alarm
	tls        *tls.Config
	log        *slog.Logger
	loginFrom  string
	limits     limits         // of each virtual host
	allowed    []string       // Config.ManagementHosts
	serving    sync.WaitGroup // accept loops, connections, and requests to the management API

	mu        sync.Mutex
	closed    bool
	listeners []io.Closer
	conns     map[*conn]struct{}
	count     int // connections since the broker was created
	users     map[string]*account
	vhosts    map[string]*vhost
}

// New returns a broker that is not listening yet.
func New(cfg Config) *Broker {
	b := &Broker{
		began:      time.Now(),
		heartbeat:  max(cmp.Or(cfg.Heartbeat, defaultHeartbeat), 0),
		maxMessage: uint64(cmp.Or(cfg.MaxMessage, defaultMaxMessage)),
		channelMax: min(cmp.Or(cfg.MaxChannels, channelMax), channelMax),
		tls:        cfg.TLS,
		loginFrom:  cmp.Or(cfg.LoginFrom, LoginFromCommonName),
		allowed:    cfg.ManagementHosts,
		log:        cmp.Or(cfg.Logger, slog.Default()),
		limits:     limits{conns: cfg.MaxConnections, queues: cfg.MaxQueues},
		conns:      make(map[*conn]struct{}),
		users:      make(map[string]*account),
		vhosts:     make(map[string]*vhost),
	}
	b.alarm = newAlarm(cmp.Or(cfg.MaxMemory, defaultMaxMemory), int64(b.maxMessage))
	users := cfg.Users
	if len(users) == 0 {
		users = map[string]string{"guest": "guest"}
	}
	for name, password := range users {
		var err error
		if b.users[name], err = newAccount(password, cfg.Access[name]); err != nil {
			b.log.Error("a permission is wrong and permits nothing", "user", name, "err", err)
		}
	}
	for _, name := range append([]string{"/"}, cfg.VHosts...) {
		b.vhosts[name] = newVHost(name, b.log, b.alarm, b.limits)
	}
	return b
}

var errClosed = errors.New("broker: closed")

// Listen serves TCP on addr, "host:port", where port 0 selects a free port. It returns the address
// that it listens on. Call it again to listen on further addresses.
func (b *Broker) Listen(addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b.listen(l)
}

// ListenTLS is [Broker.Listen] with TLS. It returns an error if Config.TLS is nil.
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

// Dial connects to the broker from within the process, without a port. The connection is buffered
// and supports deadlines. Use it in amqp091-go's Config.Dial.
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

// Close stops the broker. It closes all connections after flushing what is queued for them, and
// returns when all of the broker's goroutines have ended. If ctx ends first, Close cuts the
// connections and returns ctx's error.
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

// Messages returns the number of ready and unacknowledged messages in all virtual hosts. They are
// lost when the broker stops.
func (b *Broker) Messages() int {
	n := 0
	for _, v := range b.hosts() {
		n += v.messages()
	}
	return n
}

// knows returns the user's account if the password is right, otherwise nil.
func (b *Broker) knows(user, password string) *account {
	b.mu.Lock()
	a := b.users[user]
	var want secret
	if a != nil {
		want = a.secret
	}
	b.mu.Unlock()
	if !want.is(password) || password == "" { // the same work for an unknown user
		return nil
	}
	return a
}

// user returns the user with the name, or nil.
func (b *Broker) user(name string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.users[name]
}

// vhost returns the virtual host with the name, or nil.
func (b *Broker) vhost(name string) *vhost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.vhosts[name]
}

// hosts returns the virtual hosts, sorted by name.
func (b *Broker) hosts() []*vhost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sorted(b.vhosts)
}

// sorted returns the values of m in the order of their keys.
func sorted[V any](m map[string]V) []V {
	values := make([]V, 0, len(m))
	for _, name := range sortedKeys(m) {
		values = append(values, m[name])
	}
	return values
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

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
		if err != nil { // usually out of file descriptors: wait until other connections close
			b.log.Error("accept failed", "addr", l.Addr(), "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		b.serve(nc)
	}
}

// serve starts a connection. It returns false if the broker is closed.
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
		if c.counted {
			c.account.conns--
		}
		b.mu.Unlock()
	})
	return true
}
