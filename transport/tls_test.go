package transport_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

func TestReadTLS(t *testing.T) {
	ca := brokertest.NewCA(t, "ours")
	cert, key := ca.Issue(t, "orders")
	_, otherKey := ca.Issue(t, "users")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		ssl  any
		want []string // parts of the error; nil means no error
	}{
		{"true", true, nil},
		{"nothing given", map[string]any{"ca_certs": nil}, nil},
		{"all", map[string]any{
			"ca_certs": ca.File, "certfile": cert, "keyfile": key, "cert_reqs": "CERT_REQUIRED",
			"server_hostname": "broker", "ssl_version": "ssl.PROTOCOL_TLSv1_2",
		}, nil},
		{"numbers", map[string]any{"cert_reqs": 2, "ssl_version": 16}, nil},
		{"text", "yes", []string{"AMQP_SSL: want true, or ca_certs"}},
		{"unknown", map[string]any{"ca_cert": ca.File}, []string{"AMQP_SSL: ca_cert: unknown: want ca_certs, certfile"}},
		{"no text", map[string]any{"certfile": 5}, []string{"AMQP_SSL: certfile: must be a string, not 5"}},
		{"cert_reqs", map[string]any{"cert_reqs": 3}, []string{"AMQP_SSL: cert_reqs: want CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE, got 3"}},
		{"old version", map[string]any{"ssl_version": "PROTOCOL_TLSv1"}, []string{"AMQP_SSL: ssl_version: want PROTOCOL_TLS_CLIENT"}},
		{"no such CA", map[string]any{"ca_certs": "nosuch.pem"}, []string{"AMQP_SSL: ca_certs: open nosuch.pem: no such file"}},
		{"empty CA", map[string]any{"ca_certs": empty}, []string{"AMQP_SSL: ca_certs: " + empty + " contains no certificate: want PEM"}},
		{"no such key", map[string]any{"certfile": cert, "keyfile": "nosuch.pem"}, []string{"AMQP_SSL: keyfile: stat nosuch.pem: no such file"}},
		{"key without certificate", map[string]any{"keyfile": key}, []string{"AMQP_SSL: keyfile: needs certfile"}},
		{"no key", map[string]any{"certfile": cert}, []string{"certfile " + cert + ", keyfile " + cert}},
		{"another's key", map[string]any{"certfile": cert, "keyfile": otherKey}, []string{"private key does not match public key"}},
		{"several mistakes", map[string]any{"ciphers": "x", "cert_reqs": "y"}, []string{"AMQP_SSL: cert_reqs: want", "AMQP_SSL: ciphers: unknown"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg, err := transport.ReadTLS(test.ssl)
			if (err == nil) != (test.want == nil) || (cfg == nil) != (err != nil) {
				t.Fatalf("got %v, %v, want an error with %q", cfg, err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q in it", err, part)
				}
			}
		})
	}
	for _, ssl := range []any{nil, false} {
		if cfg, err := transport.ReadTLS(ssl); cfg != nil || err != nil {
			t.Errorf("%v: got %v, %v, want none", ssl, cfg, err)
		}
	}
	cfg, err := transport.ReadTLS(map[string]any{"cert_reqs": "ssl.CERT_NONE"})
	if err != nil || !cfg.InsecureSkipVerify {
		t.Errorf("CERT_NONE: got %v, %v, want no verification", cfg, err)
	}
}

// TestTLS connects to RabbitMQ with TLS, with the configurations that fleets use and with mistakes
// in them.
func TestTLS(t *testing.T) {
	ca, foreign := brokertest.NewCA(t, "ours"), brokertest.NewCA(t, "not ours")
	node := brokertest.StartTLSNode(t, ca)
	secure, plain := node.TLSURI(), node.URI()
	cert, key := ca.Issue(t, "guest") // a user of RabbitMQ
	stranger, strangerKey := ca.Issue(t, "stranger")
	forged, forgedKey := foreign.Issue(t, "guest")
	ssl := func(pairs ...any) map[string]any {
		options := map[string]any{"ca_certs": ca.File}
		for i := 0; i < len(pairs); i += 2 {
			options[pairs[i].(string)] = pairs[i+1]
		}
		return options
	}
	tests := []struct {
		name, uri string
		ssl       any
		login     string
		want      []string // parts of the error; nil means no error
	}{
		{"CA", secure, ssl(), "", nil},
		{"CA in the URI", secure + "?cacertfile=" + ca.File, nil, "", nil},
		{"CA and scheme pyamqp", strings.Replace(secure, "amqps:", "pyamqp:", 1), ssl(), "", nil},
		{"AMQPLAIN", secure, ssl(), "AMQPLAIN", nil},
		{"certificate", secure, ssl("certfile", cert, "keyfile", key), "EXTERNAL", nil},
		{"certificate in the URI", strings.Replace(secure, "guest:guest@", "", 1) + "?auth_mechanism=external&verify=verify_peer&cacertfile=" + ca.File +
			"&certfile=" + cert + "&keyfile=" + key + "&heartbeat=30&connection_timeout=20000", nil, "", nil},
		{"certificate and password", secure, ssl("certfile", cert, "keyfile", key), "PLAIN", nil},
		{"unverified", secure, map[string]any{"cert_reqs": "CERT_NONE"}, "", nil},
		{"name", strings.Replace(secure, "127.0.0.1", "localhost", 1), ssl("server_hostname", "127.0.0.1"), "", nil},

		{"system's CAs", secure, nil, "", []string{"unknown authority", "set the file of the broker's CA, ca_certs under AMQP_SSL or cacertfile in the URI"}},
		{"wrong CA", secure, map[string]any{"ca_certs": foreign.File}, "", []string{"unknown authority", "set the file of the broker's CA"}},
		{"wrong name", strings.Replace(secure, "127.0.0.1", "localhost", 1), ssl(), "", []string{"localhost", "use a name from the broker's certificate, or set it: server_hostname under AMQP_SSL"}},
		{"plain to the TLS port", strings.Replace(secure, "amqps:", "amqp:", 1), nil, "", []string{"the server speaks TLS: write amqps://, or set AMQP_SSL"}},
		{"TLS to the plain port", strings.Replace(plain, "amqp:", "amqps:", 1), ssl(), "", []string{"does not speak TLS", "write amqp:// and omit AMQP_SSL, or use the broker's TLS port"}},
		{"forged certificate", secure, ssl("certfile", forged, "keyfile", forgedKey), "EXTERNAL", []string{"login with the client's certificate refused: set certfile and keyfile, from a CA that the broker trusts"}},
		{"no certificate", secure, ssl(), "EXTERNAL", []string{"403 ", "set certfile and keyfile"}},
		{"unknown user", secure, ssl("certfile", stranger, "keyfile", strangerKey), "EXTERNAL", []string{"403 ", "create a user with the certificate's name"}},
		{"wrong password", strings.Replace(secure, "guest:guest", "guest:secret", 1), ssl(), "", []string{"403 ACCESS_REFUSED - Login was refused", `login of user "guest" refused: check name and password`}},
		{"unsupported login", plain, nil, "GSSAPI", []string{`unknown login method "GSSAPI"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			secured, err := transport.ReadTLS(test.ssl)
			if err != nil {
				t.Fatal(err)
			}
			cfg := transport.Config{URI: test.uri, TLS: secured, LoginMethod: test.login}
			if test.want != nil {
				refused(t, t.Context(), cfg, test.want...)
				return
			}
			c := dialConfig(t, cfg)
			declare(t, c, queue("q"))
			_, deliveries := consume(t, c, "q", 1)
			publish(t, c, "q", test.name)
			d := hosttest.Next(t, deliveries)
			d.Ack()
			if string(d.Body) != test.name {
				t.Errorf("got %s, want %s", d.Body, test.name)
			}
		})
	}
}

// TestCertificateRequired has a server that requires a client certificate.
func TestCertificateRequired(t *testing.T) {
	ca := brokertest.NewCA(t, "ours")
	cert, key := ca.Issue(t, "broker", "127.0.0.1")
	server, err := transport.ReadTLS(map[string]any{"ca_certs": ca.File, "certfile": cert, "keyfile": key})
	if err != nil {
		t.Fatal(err)
	}
	server.ClientCAs, server.ClientAuth = server.RootCAs, tls.RequireAndVerifyClientCert
	addr := listen(t, func(c net.Conn) { io.Copy(io.Discard, tls.Server(c, server)) })
	uri := "amqps://bob:secret@" + addr + "/?cacertfile=" + ca.File
	refused(t, t.Context(), transport.Config{URI: uri}, "the broker ended the TLS handshake (remote error: tls: certificate required)",
		"set certfile and keyfile under AMQP_SSL or in the URI")
}
