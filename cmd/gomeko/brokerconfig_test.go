package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// configured writes a configuration file and returns its path.
func configured(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gomeko broker takes users, virtual hosts, TLS and limits from the documented file.
func TestBrokerConfig(t *testing.T) {
	ca := brokertest.NewCA(t, "test")
	cert, key := ca.Issue(t, "broker", "127.0.0.1")
	example, err := os.ReadFile("testdata/broker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plain, secure, management := hosttest.FreeAddress(t), hosttest.FreeAddress(t), hosttest.FreeAddress(t)
	file := configured(t, strings.NewReplacer("0.0.0.0:5671", secure, "127.0.0.1:15672", management, "cert.pem", cert, "key.pem", key).
		Replace(string(example))+"    tls_ca: "+ca.File+"\n    max_queues: 1\n    management_hosts: [broker.example]\n")
	p := start(t, "", "", "broker", "--config", file, "--listen", plain)
	p.Line("embedded broker on " + secure + " with TLS")
	p.Line("management API on http://" + management)

	for uri, want := range map[string]string{
		"amqp://ana:secret@" + plain + "/":             "",
		"amqp://ben:also%20secret@" + plain + "/a%2Fb": "",
		"amqp://ana:secret@" + plain + "/orders":       "",
		"amqp://ana:wrong@" + plain + "/":              "403",
		"amqp://guest:guest@" + plain + "/":            "403",
		"amqp://ben:also%20secret@" + plain + "/":      "access to vhost '/' refused for user 'ben'",
		"amqp://ana:secret@" + plain + "/none":         "vhost none not found",
	} {
		conn, err := amqp.Dial(uri)
		if err == nil {
			conn.Close()
		}
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %v, want an error with %q", uri, err, want)
		}
	}
	checkTLS(t, "amqps://ana:secret@"+secure+"/orders", ca, true)
	checkTLS(t, "amqps://ana:secret@"+secure+"/orders", ca, false)
	for host, want := range map[string]int{"broker.example": 200, "evil.example": 421} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://ana:secret@"+management+"/api/vhosts/%2F", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: hosttest.Timeout}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: got %d, want %d", host, response.StatusCode, want)
		}
	}
	p.Signal(syscall.SIGTERM)
	if got := p.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0", got)
	}
}

// checkTLS connects with a client's certificate, or checks that it fails without one.
func checkTLS(t *testing.T, uri string, ca *brokertest.CA, certified bool) {
	t.Helper()
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RootCAs.AppendCertsFromPEM(pem)
	if certified {
		pair, err := tls.LoadX509KeyPair(ca.Issue(t, "client"))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	conn, err := amqp.DialTLS(uri, cfg)
	if err == nil {
		defer conn.Close()
	}
	if (err == nil) != certified {
		t.Fatalf("certified %v: got %v", certified, err)
	}
	if !certified {
		return
	}
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("one", true, false, false, false, nil); err != nil {
		t.Error(err)
	}
	if _, err := ch.QueueDeclare("two", true, false, false, false, nil); err == nil {
		t.Error("a queue over max_queues was declared")
	}
}

// All mistakes in the file and the flags are reported at once, before anything listens.
func TestBrokerConfigMistakes(t *testing.T) {
	file := configured(t, `gomeko:
  broker:
    listen: none
    user: {ana: {password: x}}
    users: {ana: {}, ben: {password: secret, pasword: x}, eve: {password: x, permissions: {shop: {read: "("}}}}
    max_channels: 4000
    management_hosts: [a]
    max_queues: 0
    tls_cert: cert.pem
    vhosts: [""]
`)
	check(t, "", []string{"broker", "--config", file, "--tls-ca", "ca.pem"}, 1, "",
		file+":4: gomeko.broker.user: unknown key: did you mean users?\n",
		file+":5: gomeko.broker.users.ben.pasword: unknown key: did you mean password?\n",
		file+":8: gomeko.broker.max_queues: must be an integer of at least 1, not 0\n",
		"gomeko.broker.listen (--listen): none needs gomeko.broker.tls_listen (--tls-listen): the broker would listen nowhere\n",
		"gomeko.broker.management_hosts (--management-host): has no effect without gomeko.broker.management (--management)\n",
		"gomeko.broker.tls_ca (--tls-ca): has no effect without gomeko.broker.tls_listen (--tls-listen)\n",
		"gomeko.broker.tls_cert (--tls-cert): must be given together with gomeko.broker.tls_key (--tls-key)\n",
		"gomeko.broker.tls_cert (--tls-cert): must be given together with gomeko.broker.tls_listen (--tls-listen)\n",
		"gomeko.broker.max_channels (--max-channels): must be at most 2047, not 4000\n",
		"gomeko.broker.users (--user): ana must have a password\n",
		"gomeko.broker.users (--user): eve has permissions in the virtual host shop, which is not in gomeko.broker.vhosts (--vhost)\n",
		"gomeko.broker.users (--user): eve: virtual host shop: read: \"(\" is not a regular expression: ",
		"gomeko.broker.vhosts (--vhost): a virtual host must have a name\n")
	check(t, "", []string{"broker", "--listen", "5672"}, 1, "", `gomeko.broker.listen (--listen): must be host:port, as in 127.0.0.1:5672, not "5672"`)
	check(t, "", []string{"broker", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"}, 1, "",
		"gomeko.broker.tls_cert (--tls-cert) and gomeko.broker.tls_key (--tls-key): must name PEM files of a certificate and its private key: open /nowhere: ")
}

// Users, permissions and limits can be given as flags.
func TestBrokerUsers(t *testing.T) {
	password := filepath.Join(t.TempDir(), "ana")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := hosttest.FreeAddress(t)
	p := start(t, "", "", "broker", "--listen", address, "--user", "ana:@"+password, "--vhost", "shop",
		"--permissions", `ana shop ^orders "" .*`, "--max-connections", "1", "--max-channels", "5", "--heartbeat", "10s")
	p.Line("embedded broker on " + address)
	conn, err := amqp.Dial("amqp://ana:secret@" + address + "/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Config.ChannelMax != 5 || conn.Config.Heartbeat != 10*time.Second {
		t.Errorf("got %d channels and a heartbeat of %s, want 5 and 10s", conn.Config.ChannelMax, conn.Config.Heartbeat)
	}
	for queue, want := range map[string]string{"orders.new": "", "other": "access to queue 'other' in vhost 'shop' refused for user 'ana'"} {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.QueueDeclare(queue, true, false, false, false, nil)
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %v, want %q", queue, err, want)
		}
	}
	if _, err := amqp.Dial("amqp://ana:secret@" + address + "/shop"); err == nil || !strings.Contains(err.Error(), "connection limit (1) is reached") {
		t.Errorf("got %v for a second connection, want its refusal", err)
	}
	p.Signal(syscall.SIGTERM)
	p.Wait()
	check(t, "", []string{"broker", "--user", "ana:secret"}, 2, "", "--user ana:…: must be NAME:@FILE, with the password in the file")
	check(t, "", []string{"broker", "--user", "ana:@/nowhere"}, 2, "", "--user ana: open /nowhere: ")
	check(t, "", []string{"broker", "--permissions", "ana / .*"}, 2, "", "must be 'USER VHOST CONFIGURE WRITE READ'")
	check(t, "", []string{"broker", "--permissions", "ana / .* .* .*"}, 2, "", "there is no user ana: add --user ana:@FILE")
	check(t, "", []string{"broker", "--max-queues", "-1"}, 1, "", "gomeko.broker.max_queues (--max-queues): must be positive, not -1")
}
