package broker_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
)

func TestListenTLS(t *testing.T) {
	if _, err := start(t, broker.Config{}).ListenTLS("127.0.0.1:0"); err == nil {
		t.Error("a broker without a certificate listens")
	}
	server := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	defer server.Close()
	b := start(t, broker.Config{TLS: &tls.Config{Certificates: server.TLS.Certificates}})
	addr, err := b.ListenTLS("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	conn, err := amqp.DialTLS("amqps://guest:guest@"+addr.String()+"/", &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch := channel(t, conn)
	q := declare(t, ch)
	publish(t, ch, q, "1")
	expect(t, consume(t, ch, q), "1")
}
