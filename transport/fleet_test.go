package transport_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Echo is a service that returns its arguments.
type Echo struct {
	_ service.Name `service:"echo"`

	Entrypoints struct {
		Say rpc.Method `rpc:"say(text)"`
	}
}

// Say returns text.
func (*Echo) Say(_ context.Context, text string) (string, error) { return text, nil }

// TestFailover kills the first of two brokers: a service and its caller continue on the second.
func TestFailover(t *testing.T) {
	first, second := brokertest.StartNode(t), brokertest.StartNode(t)
	log := new(hosttest.Log)
	broker := transport.Config{URI: "pyamqp" + strings.TrimPrefix(first.URI(), "amqp") + "/;" + second.URI(), Logger: log.Logger()}
	hosttest.Start(t, hosttest.Config{Service: service.Config{MaxWorkers: 10}, Broker: broker}, new(Echo))
	caller := hosttest.Caller(t, broker, rpc.Config{})
	say := func(text string) (answer string, err error) {
		ctx, cancel := context.WithTimeout(limit(t), 5*time.Second)
		defer cancel()
		return answer, caller.Client("echo").Call(ctx, "say", &answer, text)
	}
	if answer, err := say("one"); answer != "one" || err != nil {
		t.Fatalf("got %q, %v, want one", answer, err)
	}
	first.Kill()
	for range 2 { // the service's connection and the caller's
		log.Next(t, `msg="reconnected to the broker"`, transport.Config{URI: second.URI()}.String())
	}
	hosttest.Eventually(t, "the service answers on the second broker", func() bool {
		answer, err := say("two")
		return answer == "two" && err == nil
	})
}

// TestReconnectOrder checks that the broker after the lost one is tried first.
func TestReconnectOrder(t *testing.T) {
	a, b := newProxy(t, brokertest.Embedded(t)), newProxy(t, brokertest.Embedded(t))
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{URI: a.uri + "," + b.uri, Logger: log.Logger()})
	for _, want := range []*proxy{b, a, b} {
		a.cut()
		b.cut()
		log.Next(t, `msg="reconnected to the broker"`, transport.Config{URI: want.uri}.String())
		if err := c.Wait(limit(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVHostsAndUsers uses names and passwords with characters that are special in URIs or in lists
// of them.
func TestVHostsAndUsers(t *testing.T) {
	uri := brokertest.RabbitMQ(t) // the vhost is named after the test
	user := brokertest.NewUser(t, uri)
	user.Grant(".*", ".*", ".*")
	for _, password := range []string{"a;b,c", "p@ss:w/rd?#%", "100%", "ü \"'<>[]{}|^`\\"} {
		user.Password(password)
		u, err := url.Parse(user.URI(""))
		if err != nil {
			t.Fatal(err)
		}
		for name, escaped := range map[string]string{
			"escaped": url.QueryEscape(password), "raw": strings.NewReplacer("/", "%2f", "?", "%3f", "#", "%23").Replace(password),
		} {
			escaped = strings.ReplaceAll(escaped, "+", "%20")
			c := dial(t, fmt.Sprintf("amqp://%s:%s@%s/%s", u.User.Username(), escaped, u.Host, url.PathEscape(u.Path[1:])))
			if err := c.Wait(limit(t)); err != nil {
				t.Errorf("%s, %s: %v", password, name, err)
			}
		}
	}
}

// TestLoginRefusedLater changes the password of a connected user: the Conn tries to reconnect, with
// backoff, until the login is accepted.
func TestLoginRefusedLater(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	user := brokertest.NewUser(t, uri)
	user.Grant(".*", ".*", ".*")
	p := newProxy(t, user.URI("secret"))
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{URI: p.uri, Logger: log.Logger()})
	declare(t, c, queue("q"))
	_, deliveries := consume(t, c, "q", 1)
	user.Password("another")
	p.cut()
	for attempt := range 3 {
		line := log.Next(t, `msg="cannot reconnect to the broker"`, "403 ACCESS_REFUSED", "refused: check name and password", fmt.Sprintf("attempt=%d", attempt+1))
		if strings.Contains(line, "secret") {
			t.Errorf("got %s, with the password", line)
		}
	}
	user.Password("secret")
	publish(t, c, "q", "again")
	hosttest.Next(t, deliveries).Ack()
}

// TestAgreed checks what is proposed to the broker: the name of the connection, capabilities and
// heartbeats.
func TestAgreed(t *testing.T) {
	tests := []struct {
		query     string
		heartbeat time.Duration
		want      uint16 // seconds; the embedded broker proposes 60
	}{
		{"", 0, 60},
		{"", 20 * time.Second, 20},
		{"", 10 * time.Minute, 60},
		{"?heartbeat=30", 20 * time.Second, 30},
	}
	for _, test := range tests {
		p := newProxy(t, brokertest.Embedded(t))
		dialConfig(t, transport.Config{URI: p.uri + test.query, Heartbeat: test.heartbeat, Name: "orders@host/7"})
		agreed := map[uint16][]byte{}
		for _, m := range p.methods() {
			if m.class == 10 {
				agreed[m.method] = m.payload
			}
		}
		if start := agreed[11]; !bytes.Contains(start, []byte("\x0fconnection_nameS\x00\x00\x00\x0dorders@host/7")) ||
			!bytes.Contains(start, []byte("\x1cauthentication_failure_closet\x01")) {
			t.Errorf("got %q, want the connection's name, and that refusals are heard", start)
		}
		if tune := agreed[31]; len(tune) != 8 || binary.BigEndian.Uint16(tune[6:]) != test.want {
			t.Errorf("%+v: got %v, want a heartbeat of %d", test, tune, test.want)
		}
	}
}
