package broker_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

func TestMaxQueues(t *testing.T) {
	eachLimited(t, broker.Config{MaxQueues: 1}, "max-queues", func(t *testing.T, uri, vhost string) {
		ch := channel(t, connect(t, uri))
		q := declare(t, ch)
		if _, err := ch.QueueDeclarePassive(q, false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		_, err := ch.QueueDeclare("two", true, false, false, false, nil)
		want := "PRECONDITION_FAILED - cannot declare queue 'two': queue limit in vhost '" + vhost + "' (1) is reached"
		if e, ok := err.(*amqp.Error); !ok || e.Code != 406 || e.Reason != want {
			t.Errorf("got %v, want 406 %s", err, want)
		}
	})
}

func TestMaxConnections(t *testing.T) {
	eachLimited(t, broker.Config{MaxConnections: 1}, "max-connections", func(t *testing.T, uri, vhost string) {
		first := connect(t, uri)
		// RabbitMQ updates its count a little after a connection is opened or closed.
		until := func(open bool) error {
			return hosttest.Poll(func() (error, bool) {
				conn, err := amqp.Dial(uri)
				if err == nil {
					conn.Close()
				}
				return err, (err == nil) == open
			})
		}
		err := until(false)
		want := "NOT_ALLOWED - access to vhost '" + vhost + "' refused for user 'guest': connection limit (1) is reached"
		if e, ok := err.(*amqp.Error); !ok || e.Code != 530 || e.Reason != want {
			t.Errorf("got %v, want 530 %s", err, want)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if err := until(true); err != nil {
			t.Errorf("after the first was closed: %v", err)
		}
	})
}

// eachLimited runs f on an embedded broker with this configuration, and on a virtual host of
// RabbitMQ where the named limit is 1.
func eachLimited(t *testing.T, cfg broker.Config, limit string, f func(t *testing.T, uri, vhost string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		addr, err := start(t, cfg).Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f(t, "amqp://guest:guest@"+addr.String()+"/", "/")
	})
	t.Run("rabbitmq", func(t *testing.T) {
		a := rabbitAPI(t)
		if status, body := a.ask("PUT", "vhost-limits/VHOST/"+limit, `{"value":1}`); status != http.StatusNoContent {
			t.Fatalf("got %d %v, want 204", status, body)
		}
		vhost, _ := url.PathUnescape(a.vhost)
		f(t, a.uri, vhost)
	})
}

func TestNoCertificate(t *testing.T) {
	if _, err := start(t, broker.Config{}).ListenTLS("127.0.0.1:0"); err == nil {
		t.Error("a broker without a certificate listens")
	}
}

// TestTLSAndMemoryAlarm needs a private RabbitMQ. Over the memory limit, a publishing client is
// blocked and notified, and other clients are served.
func TestTLSAndMemoryAlarm(t *testing.T) {
	ca := brokertest.NewCA(t, "ca")
	t.Run("embedded", func(t *testing.T) {
		cert, key := ca.Issue(t, "broker", "127.0.0.1")
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, broker.Config{MaxMemory: 1 << 20, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
		addr, err := b.ListenTLS("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		filler := open(t, b)
		q := declare(t, filler)
		checkAlarm(t, ca, "amqps://guest:guest@"+addr.String()+"/", func() {
			publish(t, filler, q, string(make([]byte, 1<<20)))
		}, func() {
			if _, err := filler.QueuePurge(q, false); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("rabbitmq", func(t *testing.T) {
		node := brokertest.StartTLSNode(t, ca)
		checkAlarm(t, ca, node.TLSURI(), func() {
			node.Control("set_vm_memory_high_watermark", "0.00001")
		}, func() {
			node.Control("set_vm_memory_high_watermark", "0.6")
		})
	})
}

// checkAlarm publishes and consumes over TLS, while full and empty change how much memory is used.
func checkAlarm(t *testing.T, ca *brokertest.CA, uri string, full, empty func()) {
	t.Helper()
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	dial := func() *amqp.Connection {
		conn, err := amqp.DialTLS(uri, &tls.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	conn := dial()
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	publisher, consumer := channel(t, conn), channel(t, dial())
	q := declare(t, consumer)
	deliveries := consume(t, consumer, q)
	full()
	told := hosttest.Poll(func() (told amqp.Blocking, ok bool) {
		publish(t, publisher, q, "it is told when it publishes")
		select {
		case told = <-blocked:
			return told, true
		default:
			return told, false
		}
	})
	if !told.Active || told.Reason != "low on memory" {
		t.Errorf("got %+v, want blocked for memory", told)
	}
	publish(t, publisher, q, "held up")
	declare(t, consumer)
	empty()
	if told := hosttest.Next(t, blocked); told.Active {
		t.Errorf("got %+v, want unblocked", told)
	}
	for string(hosttest.Next(t, deliveries).Body) != "held up" {
	}
}
