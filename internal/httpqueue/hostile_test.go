package httpqueue_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/web"
)

// request returns the headers of a request that a backend accepts, with some of them changed.
func request(change func(amqp.Table)) amqp.Table {
	h := amqp.Table{
		"method": "GET", "target": "/hostile", "host": "shop", "scheme": "http", "remote": "192.0.2.1:1", "length": int64(0),
		"fields": []any{"X-Request-Id", "hostile"},
	}
	change(h)
	return h
}

// Messages that are not requests are dropped and logged. If they have a reply_to, they are answered
// with a failure. The backend continues.
func TestHostileRequests(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ran := make(chan string, 100)
		h := serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ran <- r.RequestURI
			_, _ = io.WriteString(w, "served")
		}))
		url := front(t, uri, web.Config{})
		ch := brokertest.Channel(t, uri)
		reply, err := ch.QueueDeclare("hostile", false, true, true, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		failures, err := ch.Consume(reply.Name, "", true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		set := func(name string, value any) amqp.Table { return request(func(h amqp.Table) { h[name] = value }) }
		hostile := []amqp.Table{
			nil, {}, set("method", "GET /x HTTP/1.1\r\nHost: evil\r\n\r\nGET"), set("method", ""), set("method", "CONNECT"), set("method", int32(5)),
			set("target", "http://evil/"), set("target", "/a b"), set("target", "/a\r\nX: y"), set("target", "/%zz"), set("target", "*"), set("target", strings.Repeat("a", 1000)),
			set("host", "a/b"), set("host", "a\r\nb"), set("scheme", "file"), set("remote", "a\nb"), set("length", "1"), set("length", int64(-2)), set("length", int64(1<<40)),
			set("fields", "X"), set("fields", []any{"X"}), set("fields", []any{"X", int32(1)}), set("fields", []any{"X Y", "z"}), set("fields", []any{"X", "a\r\nEvil: b"}), set("fields", []any{nil, nil}),
			set("fields", amqp.Table{"X": "y"}), set("trailers", []any{"X", "\x00"}),
		}
		for _, headers := range hostile {
			m := amqp.Publishing{Type: "gomeko.http", ReplyTo: reply.Name, CorrelationId: "1", Headers: headers}
			if err := ch.PublishWithContext(t.Context(), "", "gomeko.http.shop", false, false, m); err != nil {
				t.Fatal(err)
			}
			if d := hosttest.Receive(t, "the failure", failures); d.Type != "gomeko.http.failure" || d.Headers["status"] != int64(400) {
				t.Errorf("%v: got %s %v, want a failure 400", headers, d.Type, d.Headers)
			}
		}
		for _, m := range []amqp.Publishing{
			{}, {Type: "gomeko.http"}, {Type: "gomeko.http", Headers: request(func(amqp.Table) {})}, {Type: "other", ReplyTo: "a", CorrelationId: "b", Body: []byte("{}")},
			{Type: "gomeko.http", ReplyTo: "gomeko.front-gone", CorrelationId: "1", Headers: set("method", "")},
		} {
			if err := ch.PublishWithContext(t.Context(), "", "gomeko.http.shop", false, false, m); err != nil {
				t.Fatal(err)
			}
		}
		h.Log.Wait(t, len(hostile)+5, "request dropped: it cannot be read")
		if r, err := client(t).Get(url + "/after"); err != nil || read(t, r) != "served" {
			t.Errorf("got %v, want an answer", err)
		}
		if got := hosttest.Receive(t, "the request", ran); got != "/after" || len(ran) > 0 {
			t.Errorf("the handler has run for %s", got)
		}
	})
}

// Messages of unknown types, or about requests that do not exist, have no effect on the front or
// the backend.
func TestHostileMessages(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		serve(t, uri, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
		url := front(t, uri, web.Config{})
		ch := brokertest.Channel(t, uri)
		for _, queue := range brokertest.Queues(t, uri, api) {
			if !strings.HasPrefix(queue, "gomeko.front-") && !strings.HasPrefix(queue, "gomeko.backend-") {
				continue
			}
			for _, kind := range []string{"", "gomeko.http", "gomeko.http.answer", "gomeko.http.failure", "gomeko.http.claim", "gomeko.http.grant", "gomeko.http.cancel", "gomeko.part", "gomeko.credit"} {
				for _, headers := range []amqp.Table{nil, {"gomeko.run": int32(1), "gomeko.seq": "a", "gomeko.taken": nil, "granted": "yes", "status": "x"}, {"gomeko.run": "a", "gomeko.taken": int64(1 << 60)}} {
					for _, id := range []string{"", "1"} {
						m := amqp.Publishing{Type: kind, CorrelationId: id, ReplyTo: "nowhere", Headers: headers, Body: []byte("body")}
						if err := ch.PublishWithContext(t.Context(), "", queue, false, false, m); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
		if r, err := client(t).Get(url); err != nil || read(t, r) != "served" {
			t.Errorf("got %v, want an answer", err)
		}
	})
}
