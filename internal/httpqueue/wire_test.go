package httpqueue_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/web"
)

// A seen is a message in the form of the golden files.
type seen struct {
	Type       string     `json:"type"`
	Expiration string     `json:"expiration,omitempty"`
	Mode       uint8      `json:"delivery_mode"`
	Headers    amqp.Table `json:"headers"`
	Body       string     `json:"body"`
}

// see returns a message without the parts that differ each time.
func see(t *testing.T, d amqp.Delivery) seen {
	t.Helper()
	if d.CorrelationId == "" || d.ReplyTo == "" || d.ContentType != "application/octet-stream" {
		t.Errorf("got the properties %q, %q and %q", d.CorrelationId, d.ReplyTo, d.ContentType)
	}
	if d.Headers["gomeko.run"] != nil {
		d.Headers["gomeko.run"] = "<run>"
	}
	return seen{d.Type, d.Expiration, d.DeliveryMode, d.Headers, string(d.Body)}
}

// ids matches the parts that differ each time.
var ids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|127\.0\.0\.1:\d+`)

// compare compares messages with a golden file.
func compare(t *testing.T, path string, all any) {
	t.Helper()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	golden.File(t, path, ids.ReplaceAll(text.Bytes(), []byte("<id>")))
}

// A front in another language receives the messages in testdata/answers.json.
func TestAnswersOnTheWire(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		serve(t, uri, application())
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclare("gomeko.front-wire", false, true, true, false, nil); err != nil {
			t.Fatal(err)
		}
		answers, err := ch.Consume("gomeko.front-wire", "", true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string][]seen{}
		for _, target := range []string{"/none", "/cookies", "/trailers", "/flushed", "/status/404", "/abort", "/half"} {
			m := amqp.Publishing{Type: "gomeko.http", ReplyTo: "gomeko.front-wire", CorrelationId: "1", Expiration: "60000", Headers: request(func(h amqp.Table) { h["target"] = target })}
			if err := ch.PublishWithContext(t.Context(), "", "gomeko.http.shop", true, false, m); err != nil {
				t.Fatal(err)
			}
			for ended := false; !ended; {
				d := hosttest.Receive(t, "a message", answers)
				_, last := d.Headers["gomeko.count"]
				ended = last || d.Type != "gomeko.part"
				all[target] = append(all[target], see(t, d))
			}
		}
		compare(t, "testdata/answers.json", all)
	})
}

// A backend in another language receives the messages in testdata/front.json: the request, and its
// body in parts once it asks for them. Its answer reaches the client.
func TestBackendOnTheWire(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclare("gomeko.http.shop", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		requests, err := ch.Consume("gomeko.http.shop", "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDeclare("gomeko.backend-wire", false, true, true, false, nil); err != nil {
			t.Fatal(err)
		}
		own, err := ch.Consume("gomeko.backend-wire", "", true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		url := front(t, uri, web.Config{})
		send := func(to amqp.Delivery, kind, body string, headers amqp.Table) {
			t.Helper()
			m := amqp.Publishing{Type: kind, ReplyTo: "gomeko.backend-wire", CorrelationId: to.CorrelationId, Headers: headers, Body: []byte(body)}
			if err := ch.PublishWithContext(t.Context(), "", to.ReplyTo, true, false, m); err != nil {
				t.Fatal(err)
			}
		}
		client := client(t)
		done := make(chan string, 1)
		go func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/a?b", strings.NewReader(strings.Repeat("a", 300<<10)))
			r.Header.Set("User-Agent", "wire")
			response, err := client.Do(r)
			if err != nil {
				done <- err.Error()
				return
			}
			done <- response.Header.Get("X-Wire") + read(t, response)
		}()
		d := hosttest.Receive(t, "the request", requests)
		all := []seen{see(t, d)}
		send(d, "gomeko.credit", "", amqp.Table{"gomeko.run": "r", "gomeko.taken": int64(0)})
		body := 0
		for last := false; !last; {
			part := hosttest.Receive(t, "a part", own)
			body += len(part.Body)
			if _, last = part.Headers["gomeko.count"]; last {
				part.Headers["gomeko.seq"] = int64(0) // the client determines the size of the parts
				all = append(all, see(t, part))
			}
		}
		send(d, "gomeko.part", "a stream ", amqp.Table{"gomeko.run": "r", "gomeko.seq": int64(0), "gomeko.ask": true, "status": int32(201), "fields": []any{"X-Wire", "yes"}})
		credit := hosttest.Receive(t, "a credit", own)
		all = append(all, see(t, credit))
		send(d, "gomeko.part", "of parts", amqp.Table{"gomeko.run": "r", "gomeko.seq": int16(1)})
		send(d, "gomeko.part", "", amqp.Table{"gomeko.run": "r", "gomeko.seq": int16(2), "gomeko.count": int32(17)})
		if got := hosttest.Receive(t, "the client", done); got != "yesa stream of parts" || body != 300<<10 {
			t.Errorf("got %q after %d bytes of a body", got, body)
		}
		if err := d.Ack(false); err != nil {
			t.Fatal(err)
		}
		compare(t, "testdata/front.json", all)
	})
}

// Parts of an answer that are missing, duplicated, from another run, or do not add up are not taken
// for a complete answer.
func TestBrokenAnswers(t *testing.T) {
	uri := brokertest.Embedded(t)
	ch := brokertest.Channel(t, uri)
	if _, err := ch.QueueDeclare("gomeko.http.shop", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	requests, err := ch.Consume("gomeko.http.shop", "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := front(t, uri, web.Config{NoAccessLog: true, Timeout: 5 * time.Second})
	part := func(seq int64, more amqp.Table) amqp.Table {
		h := amqp.Table{"gomeko.run": "r", "gomeko.seq": seq}
		for name, value := range more {
			h[name] = value
		}
		return h
	}
	head, end := amqp.Table{"status": int64(200)}, amqp.Table{"gomeko.count": int64(2)}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // with keep-alives it would try again
	for name, parts := range map[string][]amqp.Table{
		"a part is missing":   {part(0, head), part(2, end)},
		"a part comes twice":  {part(0, head), part(0, nil)},
		"of no known run":     {part(0, head), {"gomeko.run": "s", "gomeko.seq": int64(1)}, part(-1, nil)},
		"a wrong count":       {part(0, head), part(1, nil), part(2, amqp.Table{"gomeko.count": int64(5)})},
		"a reason":            {part(0, head), part(1, amqp.Table{"gomeko.count": int64(2), "reason": "it failed"})},
		"it begins elsewhere": {part(5, head)},
		"no status":           {part(0, nil)},
		"a wrong status":      {part(0, amqp.Table{"status": int64(101)})},
		"a split field":       {part(0, amqp.Table{"status": int64(200), "fields": []any{"X", "a\r\nEvil: b"}})},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan string, 1)
			go func() {
				response, err := client.Get(url)
				if err != nil {
					done <- "cut off"
					return
				}
				defer response.Body.Close()
				var b bytes.Buffer
				if _, err := b.ReadFrom(response.Body); err != nil {
					done <- "cut off"
					return
				}
				done <- response.Status
			}()
			d := hosttest.Receive(t, "the request", requests)
			for _, headers := range parts {
				m := amqp.Publishing{Type: "gomeko.part", ReplyTo: "nowhere", CorrelationId: d.CorrelationId, Headers: headers, Body: []byte("a")}
				if err := ch.PublishWithContext(t.Context(), "", d.ReplyTo, false, false, m); err != nil {
					t.Fatal(err)
				}
			}
			if got := hosttest.Receive(t, "the client", done); got != "cut off" && got != "502 Bad Gateway" {
				t.Errorf("got %s, want a body that is cut off, or 502", got)
			}
		})
	}
}
