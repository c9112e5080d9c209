package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// gomeko broker status prints the same for the embedded broker and for RabbitMQ.
func TestBrokerStatus(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		address, management := hosttest.FreeAddress(t), hosttest.FreeAddress(t)
		p := start(t, "", "", "broker", "--listen", address, "--management", management)
		p.Line("management API on http://" + management)
		checkStatus(t, "amqp://guest:guest@"+address+"/", "http://guest:guest@"+management, "/", "gomeko, as RabbitMQ 3.10.8, node gomeko@localhost\n")
		p.Signal(syscall.SIGTERM)
		if got := p.Wait(); got != 0 {
			t.Errorf("got exit status %d, want 0", got)
		}
	})
	t.Run("rabbitmq", func(t *testing.T) {
		uri := brokertest.RabbitMQ(t)
		checkStatus(t, uri, os.Getenv("GOMEKO_RABBITMQ_API"), uri[strings.LastIndex(uri, "/")+1:], "RabbitMQ ")
	})
	check(t, "", []string{"broker", "status", "--management", "http://guest:secret@" + hosttest.FreeAddress(t)}, 1, "", "connection refused", "gomeko broker --management")
	check(t, "", []string{"broker", "status", "--management", "here"}, 2, "", "must be http://USER:PASSWORD@HOST:PORT")
	check(t, "", []string{"broker", "--listen", "127.0.0.1:0", "--management", "0.0.0.0:0"}, 1, "", "is open to other machines")
}

// The responses are those of a RabbitMQ in which a consumer's channel was closing, without the
// members that the command does not read.
func TestBrokerStatusWhileClosing(t *testing.T) {
	answers := map[string]string{
		"/api/overview":    `{"product_name":"RabbitMQ","rabbitmq_version":"3.10.8","node":"rabbit@localhost"}`,
		"/api/queues":      `[]`,
		"/api/connections": `[]`,
		"/api/consumers": `[{"ack_required":true,"channel_details":[],"consumer_tag":"me","prefetch_count":2,` +
			`"queue":{"name":"orders","vhost":"/"}}]`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, answers[r.URL.Path])
	}))
	defer server.Close()
	p := start(t, "", "", "broker", "status", "--management", server.URL)
	if got, out := p.Wait(), spaced(p.Stdout()); got != 0 || !strings.Contains(out, "/ orders me 2 true\n") {
		t.Errorf("got exit status %d, want 0, stdout:\n%s\n%s", got, out, p.Stderr())
	}
}

func checkStatus(t *testing.T, uri, management, vhost, first string) {
	t.Helper()
	conn, err := amqp.DialConfig(uri, amqp.Config{Properties: amqp.Table{"connection_name": "status-test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Qos(2, 0, false); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(ch.QueueDeclare("orders", true, false, false, false, nil)),
		second(ch.Consume("orders", "me", false, false, false, false, nil)),
		ch.PublishWithContext(t.Context(), "", "orders", false, false, amqp.Publishing{}),
		ch.PublishWithContext(t.Context(), "", "orders", false, false, amqp.Publishing{}),
		ch.PublishWithContext(t.Context(), "", "orders", false, false, amqp.Publishing{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	name := conn.LocalAddr().String() + " -> " + conn.RemoteAddr().String()
	want := []string{
		vhost + " orders classic running 1 2 1",
		vhost + " orders me 2 true " + name + " (1)",
		vhost + " " + name + " guest running 1 status-test",
	}
	for deadline := time.Now().Add(hosttest.Timeout); ; time.Sleep(100 * time.Millisecond) { // RabbitMQ updates its counts every five seconds
		p := start(t, "", "", "broker", "status", "--management", management)
		status := p.Wait()
		out := p.Stdout()
		ok := status == 0 && strings.HasPrefix(out, first)
		for _, line := range want {
			ok = ok && strings.Contains(spaced(out), line+"\n")
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got exit status %d, stdout:\n%s\nwant %q and the lines %q\n%s", status, out, first, want, p.Stderr())
		}
	}
}

func second[T any](_ T, err error) error { return err }

// spaced replaces several spaces, as in a table, with one.
func spaced(table string) string {
	var b strings.Builder
	for line := range strings.Lines(table) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}
