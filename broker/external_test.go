package broker_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
)

// secured serves a broker with TLS that verifies certificates of ca, and returns its URI.
func secured(t *testing.T, ca *brokertest.CA, auth tls.ClientAuthType, cfg broker.Config) string {
	t.Helper()
	cert, key := ca.Issue(t, "broker", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: rootsOf(t, ca), ClientAuth: auth}
	addr, err := start(t, cfg).ListenTLS("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return "amqps://" + addr.String() + "/"
}

func rootsOf(t *testing.T, ca *brokertest.CA) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return roots
}

// external logs in with a certificate issued by ca for the name, or without one if the name is "".
func external(t *testing.T, server, ca *brokertest.CA, uri, name string) error {
	t.Helper()
	cfg := &tls.Config{RootCAs: rootsOf(t, server)}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(ca.Issue(t, name))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	conn, err := amqp.DialConfig(uri, amqp.Config{TLSClientConfig: cfg, SASL: []amqp.Authentication{&amqp.ExternalAuth{}}})
	if err == nil {
		conn.Close()
	}
	return err
}

// TestExternal logs in with certificates. For RabbitMQ, it needs a private server.
func TestExternal(t *testing.T) {
	ca := brokertest.NewCA(t, "ca")
	check := func(t *testing.T, uri string) {
		for name, want := range map[string]string{"ana": "", "eve": "username or password not allowed", "": "username or password not allowed"} {
			switch err := external(t, ca, ca, uri, name); {
			case want == "" && err != nil:
				t.Errorf("%q: got %v, want a connection", name, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%q: got %v, want %s", name, err, want)
			}
		}
	}
	t.Run("embedded", func(t *testing.T) {
		check(t, secured(t, ca, tls.VerifyClientCertIfGiven, broker.Config{Users: map[string]string{"ana": ""}}))
	})
	t.Run("rabbitmq", func(t *testing.T) {
		node := brokertest.StartTLSNode(t, ca)
		node.Control("add_user", "ana", "secret")
		node.Control("set_permissions", "ana", ".*", ".*", ".*")
		check(t, strings.Replace(node.TLSURI(), "guest:guest@", "", 1))
	})
}

// The user may be the whole subject. An unverified certificate does not name a user, and a user
// without a password has no other way to log in.
func TestExternalOfEmbedded(t *testing.T) {
	ca, other := brokertest.NewCA(t, "ca"), brokertest.NewCA(t, "other")
	users := map[string]string{"ana": "", "CN=ben": ""}
	subject := secured(t, ca, tls.RequireAndVerifyClientCert, broker.Config{Users: users, LoginFrom: broker.LoginFromDistinguishedName})
	if err := external(t, ca, ca, subject, "ben"); err != nil {
		t.Errorf("by the subject: got %v, want a connection", err)
	}
	if err := external(t, ca, ca, subject, "ana"); err == nil {
		t.Error("by the common name: let in, want the subject only")
	}
	for name, auth := range map[string]tls.ClientAuthType{
		"not verified": tls.RequireAnyClientCert, "not asked for": tls.NoClientCert, "required": tls.RequireAndVerifyClientCert,
	} {
		if err := external(t, ca, other, secured(t, ca, auth, broker.Config{Users: users}), "ana"); err == nil {
			t.Errorf("a certificate of another authority, %s: let in", name)
		}
	}
	roots := &tls.Config{RootCAs: rootsOf(t, ca)}
	plain := strings.Replace(secured(t, ca, tls.VerifyClientCertIfGiven, broker.Config{Users: users}), "://", "://ana:@", 1)
	if conn, err := amqp.DialTLS(plain, roots); err == nil {
		conn.Close()
		t.Error("a user without a password is let in with an empty one")
	}
}

// The management API does not accept a user without a password, either.
func TestManagementOfUserWithoutPassword(t *testing.T) {
	addr, err := start(t, broker.Config{Users: map[string]string{"ana": ""}}).ListenManagement("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr.String()+"/api/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ana", "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s, want 401", resp.Status)
	}
}
