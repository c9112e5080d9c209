package broker_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// The API accepts and refuses the same changes as RabbitMQ, with the same responses.
func TestManagementChanges(t *testing.T) {
	ours, theirs := embeddedAPI(t), rabbitAPI(t)
	same := alike(ours, theirs)
	for _, r := range []struct{ method, path, body string }{
		{"PUT", "queues/VHOST/q", `{"durable":true,"auto_delete":false,"arguments":{"x-max-length":10}}`},
		{"PUT", "queues/VHOST/q", `{"durable":true,"arguments":{"x-max-length":10}}`},
		{"PUT", "queues/VHOST/q", `{"durable":true,"arguments":{"x-max-length":11}}`},
		{"PUT", "queues/VHOST/empty", ``},
		{"PUT", "queues/VHOST/a%2Fb", `{"durable":true}`},
		{"PUT", "queues/VHOST/amq.q", `{"durable":true}`},
		{"PUT", "queues/VHOST/bad", `{"arguments":{"x-expires":0}}`},
		{"PUT", "queues/VHOST/bad", `{bad`},
		{"PUT", "queues/none/q", `{}`},
		{"PUT", "queues/VHOST", `{}`},
		{"PUT", "exchanges/VHOST/x", `{"type":"topic","durable":true,"arguments":{"alternate-exchange":"amq.fanout"}}`},
		{"PUT", "exchanges/VHOST/x", `{"type":"topic","durable":true,"arguments":{"alternate-exchange":"amq.fanout"}}`},
		{"PUT", "exchanges/VHOST/x", `{"type":"direct","durable":true}`},
		{"PUT", "exchanges/VHOST/y", `{}`},
		{"PUT", "exchanges/VHOST/z", `{"type":"nope"}`},
		{"PUT", "exchanges/VHOST/inner", `{"type":"fanout","internal":true}`},
		{"GET", "exchanges/VHOST", ``},
		{"POST", "bindings/VHOST/e/x/q/q", `{"routing_key":"a.#"}`},
		{"POST", "bindings/VHOST/e/x/q/q", `{}`},
		{"POST", "bindings/VHOST/e/x/e/y", `{"routing_key":"to.y"}`},
		{"POST", "bindings/VHOST/e/none/q/q", `{}`},
		{"POST", "bindings/VHOST/e/x/q/none", `{}`},
		{"POST", "bindings/VHOST/e/amq.headers/q/q", `{"arguments":{"x-match":"none"}}`},
		{"GET", "bindings/VHOST/e/x/q/q", ``},
		{"DELETE", "bindings/VHOST/e/x/q/q/~", ``},
		{"DELETE", "bindings/VHOST/e/x/q/q/~", ``},
		{"DELETE", "bindings/VHOST/e/x/e/y/to.y", ``},
		{"GET", "bindings/VHOST/e/x/e/y", ``},
		{"POST", "exchanges/VHOST/x/publish", `{"properties":{"delivery_mode":2,"headers":{"n":1,"f":1.5,"b":true,"s":"x","a":[1,"x"],"t":{"k":1}}},"routing_key":"a.b","payload":"one","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/amq.default/publish", `{"properties":{"content_type":"a","content_encoding":"b","priority":1,"correlation_id":"c","reply_to":"d","expiration":"100000","message_id":"m","timestamp":12,"type":"t","user_id":"guest","app_id":"i"},"routing_key":"q","payload":"aGkK/w==","payload_encoding":"base64"}`},
		{"POST", "exchanges/VHOST/amq.default/publish", `{"properties":{"unknown":1},"routing_key":"q","payload":"three","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/amq.default/publish", `{"properties":{},"routing_key":"none","payload":"","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/inner/publish", `{"properties":{},"routing_key":"","payload":"","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/none/publish", `{"properties":{},"routing_key":"","payload":"","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/x/publish", `{"properties":{"expiration":"-1"},"routing_key":"","payload":"","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/x/publish", `{"properties":{"headers":{"n":null}},"routing_key":"","payload":"","payload_encoding":"string"}`},
		{"POST", "exchanges/VHOST/x/publish", `{"properties":{},"routing_key":""}`},
		{"POST", "queues/VHOST/q/get", `{"count":2,"ackmode":"ack_requeue_true","encoding":"auto"}`},
		{"POST", "queues/VHOST/q/get", `{"count":1,"ackmode":"ack_requeue_false","encoding":"base64","truncate":2}`},
		{"POST", "queues/VHOST/q/get", `{"count":9,"ackmode":"reject_requeue_true","encoding":"auto"}`},
		{"POST", "queues/VHOST/q/get", `{"count":1,"ackmode":"reject_requeue_false","encoding":"auto"}`},
		{"POST", "queues/VHOST/q/get", `{"count":1,"ackmode":"ack_requeue_true","encoding":"none"}`},
		{"POST", "queues/VHOST/q/get", `{"count":1}`},
		{"POST", "queues/VHOST/none/get", `{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}`},
		{"PUT", "queues/VHOST/single", `{"durable":true,"arguments":{"x-queue-type":"quorum","x-single-active-consumer":true}}`},
		{"POST", "queues/VHOST/single/get", `{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}`},
		{"DELETE", "queues/VHOST/single?if-unused=true", ``},
		{"DELETE", "queues/VHOST/q?if-empty=true", ``},
		{"DELETE", "queues/VHOST/q/contents", ``},
		{"DELETE", "queues/VHOST/none/contents", ``},
		{"DELETE", "queues/VHOST/q?if-empty=true&if-unused=true", ``},
		{"DELETE", "queues/VHOST/q", ``},
		{"DELETE", "exchanges/VHOST/x", ``},
		{"DELETE", "exchanges/VHOST/x", ``},
		{"DELETE", "exchanges/VHOST/amq.topic", ``},
		{"GET", "bindings/VHOST", ``},
		{"DELETE", "connections/none", ``},
		{"PUT", "vhosts/VHOST", ``},
		{"PUT", "vhosts/VHOST-2", `{"description":"second"}`},
		{"PUT", "permissions/VHOST-2/guest", `{"configure":".*","write":".*","read":".*"}`},
		{"PUT", "permissions/VHOST-2/guest", `{"configure":".*"}`},
		{"PUT", "permissions/VHOST-2/none", `{"configure":".*","write":".*","read":".*"}`},
		{"DELETE", "vhosts/VHOST-2", ``},
		{"DELETE", "vhosts/VHOST-2", ``},
		{"PUT", "users/VHOST-user", `{"password":"secret","tags":"administrator"}`},
		{"PUT", "users/VHOST-user", `{"password":"other","tags":"administrator"}`},
		{"GET", "users/VHOST-user", ``},
		{"DELETE", "users/VHOST-user", ``},
		{"DELETE", "users/VHOST-user", ``},
		{"POST", "overview", ``},
	} {
		status, got := ours.ask(r.method, r.path, r.body)
		wantStatus, want := theirs.ask(r.method, r.path, r.body)
		if missing := lacks("", got, want, same); status != wantStatus || missing != nil {
			t.Errorf("%s %s %s: status: ours %d, theirs %d\n%s", r.method, r.path, r.body, status, wantStatus, strings.Join(missing, "\n"))
		}
	}
}

func TestManagementLogin(t *testing.T) {
	eachAPI(t, func(t *testing.T, a *api) {
		right := a.base
		for user, want := range map[string]int{
			"guest:guest@": http.StatusOK, "guest:wrong@": http.StatusUnauthorized,
			"none:guest@": http.StatusUnauthorized, "": http.StatusUnauthorized,
		} {
			a.base = strings.Replace(right, "guest:guest@", user, 1)
			if status, body := a.ask("GET", "whoami", ""); status != want {
				t.Errorf("%q: got %d %v, want %d", user, status, body, want)
			}
		}
	})
}

// A client whose connection the API closes receives the reason, if one was given.
func TestManagementClosesConnection(t *testing.T) {
	eachAPI(t, func(t *testing.T, a *api) {
		for reason, want := range map[string]string{"": "Closed via management plugin", "because": "because"} {
			conn, err := amqp.Dial(a.uri)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			closed := conn.NotifyClose(make(chan *amqp.Error, 1))
			name := conn.LocalAddr().String() + " -> " + conn.RemoteAddr().String()
			a.reason = reason
			a.until(http.StatusNoContent, "DELETE", "connections/"+url.PathEscape(name))
			if got := hosttest.Next(t, closed); got.Code != 320 || got.Reason != "CONNECTION_FORCED - "+want {
				t.Errorf("got %v, want 320 CONNECTION_FORCED - %s", got, want)
			}
		}
	})
}

// Deleting a vhost closes its connections, deletes its queues and frees the memory of their
// messages.
func TestManagementDeletesVHost(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { deleteVHost(t, embeddedAPI(t), "is deleted") })
	// RabbitMQ first closes the connections that it has listed by then, in the background, and the
	// others when the vhost's processes are down.
	t.Run("rabbitmq", func(t *testing.T) { deleteVHost(t, rabbitAPI(t), "is deleted", "is down") })
}

// deleteVHost deletes a vhost with an open connection, which must receive one of the texts in
// fates.
func deleteVHost(t *testing.T, a *api, fates ...string) {
	if status, _ := a.ask("PUT", "vhosts/VHOST-gone", ""); status != http.StatusCreated {
		t.Fatalf("got %d, want 201", status)
	}
	a.ask("PUT", "permissions/VHOST-gone/guest", `{"configure":".*","write":".*","read":".*"}`)
	uri, err := url.Parse(a.uri + "-gone")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", uri.Host)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, conn) // RabbitMQ may hang up before it is answered, for which amqp091-go forgets what it was told
	vhost := uri.Path[1:]
	w.openTo(vhost, 0)
	w.send(1, &frame.QueueDeclare{Queue: "q"})
	w.read()
	w.write(frames(func(b *frame.Buffer) {
		b.Method(1, &frame.BasicPublish{RoutingKey: "q"})
		b.Content(1, frame.ClassBasic, frame.Properties{0, 0}, []byte("1"), frame.MinSize)
	}))
	if status, _ := a.ask("DELETE", "vhosts/VHOST-gone", ""); status != http.StatusNoContent {
		t.Errorf("got %d, want 204", status)
	}
	got, ok := w.read().(*frame.ConnectionClose)
	if !ok {
		t.Fatalf("got %T, want connection.close", got)
	}
	fate, ok := strings.CutPrefix(got.ReplyText, "CONNECTION_FORCED - vhost '"+vhost+"' ")
	if got.ReplyCode != 320 || !ok || !slices.Contains(fates, fate) {
		t.Errorf("got %+v, want 320 and that the vhost %v", got, fates)
	}
	w.conn.Close()
	_, err = amqp.Dial(a.uri + "-gone")
	var refusal *amqp.Error
	if !errors.As(err, &refusal) || refusal.Code != 530 {
		t.Errorf("got %v, want 530", err)
	}
}

func TestManagementIsLocal(t *testing.T) {
	b := start(t, broker.Config{})
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		if _, err := b.ListenManagement(addr); err == nil || !strings.Contains(err.Error(), "open to other machines") {
			t.Errorf("%s: got %v", addr, err)
		}
	}
}

// until repeats a request until it gets the status, because RabbitMQ knows a connection by its name
// only a little after it is open.
func (a *api) until(want int, method, path string) {
	a.t.Helper()
	status := hosttest.Poll(func() (int, bool) {
		status, _ := a.ask(method, path, "")
		return status, status == want
	})
	if status != want {
		a.t.Fatalf("%s %s: got %d, want %d", method, path, status, want)
	}
}
