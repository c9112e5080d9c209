package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// A halfOpen dials connections of which it can close only the client's half: the broker still
// believes that the client is connected.
type halfOpen struct {
	mu     sync.Mutex
	client net.Conn
	relays sync.WaitGroup
	broker []net.Conn
}

func (h *halfOpen) dial(ctx context.Context, address string) (net.Conn, error) {
	broker, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	client, near := net.Pipe()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.client, h.broker = near, append(h.broker, broker)
	h.relays.Go(func() { _, _ = io.Copy(broker, near) })
	h.relays.Go(func() { _, _ = io.Copy(near, broker); near.Close() })
	return client, nil
}

// lose closes the client's half.
func (h *halfOpen) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.client.Close()
}

// close closes everything.
func (h *halfOpen) close() {
	h.mu.Lock()
	for _, b := range h.broker {
		b.Close()
	}
	h.mu.Unlock()
	h.lose()
	h.relays.Wait()
}

// TestRenewedQueue loses a connection that the broker still believes in, so the exclusive queue
// stays locked: on the next connection, the queue has another name, and nothing is logged as a
// fault.
func TestRenewedQueue(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		log, half := new(hosttest.Log), new(halfOpen)
		t.Cleanup(half.close)
		c := dialConfig(t, transport.Config{URI: uri, Dial: half.dial, Logger: log.Logger()})
		declare(t, c, transport.Topology{
			Exchanges: []transport.Exchange{{Name: "news", Kind: "fanout"}},
			Queues:    []transport.Queue{{Name: "news-1", Renewed: "news-", Durable: true, Exclusive: true, AutoDelete: true}},
			Bindings:  []transport.Binding{{Queue: "news-1", Exchange: "news"}},
		})
		_, deliveries := consume(t, c, "news-1", 1)
		peer := dial(t, uri)
		for losses := range uint64(2) {
			half.lose()
			hosttest.Eventually(t, "the reconnect", func() bool { return c.Epoch() == losses+2 && c.Wait(limit(t)) == nil })
			if err := peer.Publish(limit(t), transport.Publishing{Exchange: "news", Mandatory: true}); err != nil {
				t.Fatal(err)
			}
			hosttest.Next(t, deliveries).Ack()
		}
		if faults := log.Lines("level=ERROR"); len(faults) > 0 {
			t.Errorf("got %q, want no faults", faults)
		}
		if err := c.Delete(limit(t), "news-1"); err != nil {
			t.Error(err)
		}
	})
}

// TestLockedQueue keeps a queue without Renewed locked: that is logged once, and the queue is
// consumed once the broker has noticed that the lost connection is gone.
func TestLockedQueue(t *testing.T) {
	log, half := new(hosttest.Log), new(halfOpen)
	t.Cleanup(half.close)
	c := dialConfig(t, transport.Config{URI: brokertest.Embedded(t), Dial: half.dial, Logger: log.Logger()})
	declare(t, c, transport.Topology{Queues: []transport.Queue{{Name: "q", Exclusive: true}}})
	_, deliveries := consume(t, c, "q", 1)
	half.lose()
	log.Wait(t, 3, "level=DEBUG", "405 RESOURCE_LOCKED") // repetitions
	if faults := log.Lines("level=ERROR", "405 RESOURCE_LOCKED"); len(faults) > 2 {
		t.Errorf("got %q, want one line for the declaration and one for the consumer", faults)
	}
	half.mu.Lock()
	half.broker[0].Close()
	half.mu.Unlock()
	hosttest.Eventually(t, "the consumer", func() bool { return c.Wait(limit(t)) == nil })
	publish(t, c, "q", "")
	hosttest.Next(t, deliveries).Ack()
}

// TestOutageLog loses two connections of one process to the same broker: each logs its loss under
// its name, the advice is logged once, and repeated failures are not logged again.
func TestOutageLog(t *testing.T) {
	log := new(hosttest.Log)
	var away atomic.Bool
	tap := new(brokertest.Tap)
	cfg := transport.Config{URI: brokertest.Embedded(t), Logger: log.Logger(), Dial: func(ctx context.Context, address string) (net.Conn, error) {
		if away.Load() {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return tap.Dial(ctx, address)
	}}
	names := []string{"orders@host/1", "orders@host/1 consuming"}
	for _, name := range names {
		cfg.Name = name
		dialConfig(t, cfg)
	}
	away.Store(true)
	tap.Cut()
	log.Wait(t, 4, "level=DEBUG", `msg="cannot reconnect to the broker"`)
	for _, name := range names {
		for _, message := range []string{`msg="connection to the broker lost"`, `msg="cannot reconnect to the broker"`} {
			if lines := log.Lines("level=WARN", message, `connection="`+name+`"`); name != names[0] && len(lines) != 1 {
				t.Errorf("%s: got %q, want one line with %s", name, lines, message)
			}
		}
	}
	if lines := log.Lines("start a broker"); len(lines) != 1 {
		t.Errorf("got %q, want the advice once", lines)
	}
	away.Store(false)
	log.Wait(t, 2, `msg="reconnected to the broker"`)
}

// TestWait dials while nobody listens: Dial returns when the broker is up, or when it has waited
// long enough.
func TestWait(t *testing.T) {
	log := new(hosttest.Log)
	tap := new(brokertest.Tap)
	refusals := 3
	cfg := transport.Config{URI: brokertest.Embedded(t), Wait: time.Minute, Logger: log.Logger(), Dial: func(ctx context.Context, address string) (net.Conn, error) {
		if refusals--; refusals >= 0 {
			return nil, syscall.ECONNREFUSED
		}
		return tap.Dial(ctx, address)
	}}
	declare(t, dialConfig(t, cfg), queue("q"))
	log.Next(t, "level=WARN", `msg="waiting for the broker"`, "limit=1m0s", "start a broker")
	log.Next(t, "level=INFO", `msg="the broker is there"`)

	refusals, cfg.Wait = 1000, 300*time.Millisecond
	_, err := transport.Dial(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "the broker was not there within 300ms: ") || !strings.Contains(err.Error(), "nobody is listening there") {
		t.Errorf("got %v, want how long it waited and why", err)
	}
	cfg.Dial, cfg.Wait, cfg.URI = nil, time.Minute, strings.Replace(brokertest.Embedded(t), "guest:guest@", "guest:wrong@", 1)
	var refused *transport.Error
	if _, err := transport.Dial(limit(t), cfg); !errors.As(err, &refused) {
		t.Errorf("got %v for a wrong password, want the refusal at once", err)
	}
}

// TestRenewedCertificates replaces the files of the client's certificate: the next connection
// presents the new one. If the files cannot be read, the previous one stays in use.
func TestRenewedCertificates(t *testing.T) {
	ca := brokertest.NewCA(t, "ours")
	serverCert, serverKey := ca.Issue(t, "broker", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	broker := strings.TrimSuffix(strings.TrimPrefix(brokertest.Embedded(t), "amqp://guest:guest@"), "/")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	shown, conns := make(chan string, 10), make(chan net.Conn, 10)
	var relays sync.WaitGroup
	relays.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if conn.(*tls.Conn).Handshake() != nil {
				continue
			}
			shown <- conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
			up, err := net.Dial("tcp", broker)
			if err != nil {
				return
			}
			conns <- conn
			relays.Go(func() { _, _ = io.Copy(up, conn); up.Close() })
			relays.Go(func() { _, _ = io.Copy(conn, up); conn.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); relays.Wait() })

	cert, key := ca.Issue(t, "first")
	ssl := map[string]any{"ca_certs": ca.File, "certfile": cert, "keyfile": key}
	base, err := transport.ReadTLS(ssl)
	if err != nil {
		t.Fatal(err)
	}
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{
		URI: "amqps://guest:guest@" + l.Addr().String() + "/", TLS: base, Logger: log.Logger(),
		RenewTLS: func() (*tls.Config, error) { return transport.ReadTLS(ssl) },
	})
	replace := func(name string) {
		newCert, newKey := ca.Issue(t, name)
		for from, to := range map[string]string{newCert: cert, newKey: key} {
			data, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	epoch := uint64(0)
	expect := func(want string) {
		t.Helper()
		if got := hosttest.Receive(t, "a handshake", shown); got != want {
			t.Errorf("got the certificate of %q, want of %q", got, want)
		}
		epoch++
		hosttest.Eventually(t, "the login", func() bool { return c.Epoch() == epoch && c.Wait(limit(t)) == nil })
	}
	expect("first")
	replace("second")
	hosttest.Next(t, conns).Close()
	expect("second")
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	hosttest.Next(t, conns).Close()
	expect("second")
	log.Next(t, "level=WARN", "certificates cannot be read again")
}
