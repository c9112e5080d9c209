package interop_test

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A request is a raw message that neither client would send: see docs/wire/nameko.md, Malformed
// requests, and the bodies under Errors. Fields that are not set are those of a call of echo(1) in
// JSON.
type request struct {
	name    string
	method  string
	body    string
	change  func(*amqp.Publishing)
	kills   string // the service of peer/victim.py that dies of it
	differs difference
}

var requests = []request{
	{name: "as it should be"},
	{name: "no headers", change: func(m *amqp.Publishing) { m.Headers = nil }},
	{name: "no correlation id", change: func(m *amqp.Publishing) { m.CorrelationId = "" }},
	{name: "no content_encoding", change: func(m *amqp.Publishing) { m.ContentEncoding = "" }},
	{name: "no content_type", change: contentType(""), kills: "no_content_type",
		differs: difference{"it is read as JSON; each Nameko process that gets it dies of it", `{"error":null,"result":1} `}},
	{name: "no reply_to", method: "mark", body: `{"args": ["no reply_to"], "kwargs": {}}`, kills: "no_reply_to",
		change:  func(m *amqp.Publishing) { m.ReplyTo = "" },
		differs: difference{"the method runs once; each Nameko process that gets it runs it and dies of it", "it runs, and nobody is told"}},
	{name: "unknown method", method: "zzz"},
	{name: "further headers", method: "hop", body: `{"args": [[]], "kwargs": {}}`,
		change: headers(amqp.Table{"x-request-id": "r1", "nameko.language": "fr", "Nameko.user_id": "u", "nameko": "z"})},
	{name: "call_id_stack that is a string", method: "hop", body: `{"args": [[]], "kwargs": {}}`, change: headers(amqp.Table{"nameko.call_id_stack": "abc"}),
		differs: difference{"it is one id; Nameko takes each letter for one",
			`{"error":null,"result":[{"data":{},"known":[null,null,null,null],"stack":["abc","ID"]}]} `}},

	{name: "further keys", body: `{"args": [1], "kwargs": {}, "more": 1}`},
	{name: "kwargs are missing", body: `{"args": [1]}`},
	{name: "args are missing", body: `{"kwargs": {}}`},
	{name: "body is a list", body: `[1]`},
	{name: "body is null", body: `null`},
	{name: "body is a string", body: `"text"`},
	{name: "body is a number", body: `1.5`},
	{name: "body is empty", change: func(m *amqp.Publishing) { m.Body = nil }},
	{name: "args are a string", method: "pair", body: `{"args": "ab", "kwargs": {}}`},
	{name: "args are an object", method: "pair", body: `{"args": {"a": 1, "b": 2}, "kwargs": {}}`},
	{name: "args are null", body: `{"args": null, "kwargs": {}}`},
	{name: "args are a number", body: `{"args": 5, "kwargs": {}}`},
	{name: "kwargs are null", body: `{"args": [1], "kwargs": null}`},
	{name: "kwargs are a list", body: `{"args": [1], "kwargs": []}`},
	{name: "args twice", body: `{"args": [1], "args": [2], "kwargs": {}}`},

	{name: "no JSON", body: `{"args":`, differs: refused("body is not valid JSON: ")},
	{name: "no UTF-8", body: "{\"args\": [\"\xff\"], \"kwargs\": {}}", differs: refused("body is not valid UTF-8")},
	{name: "another content_encoding", change: func(m *amqp.Publishing) { m.ContentEncoding = "utf-16" },
		differs: refused(`content_encoding \"utf-16\" is not accepted: send utf-8`)},
	{name: "content_type with a charset", change: contentType("application/json; charset=utf-8"),
		differs: difference{"it is read as JSON; Nameko drops it, and its caller waits forever", `{"error":null,"result":1} `}},
	{name: "unknown content_type", change: contentType("application/x-nope"),
		differs: refused(`content_type \"application/x-nope\" is not accepted: `)},
	{name: "content_type text/plain", change: contentType("text/plain"),
		differs: refused(`content_type \"text/plain\" is not accepted: `)},
	{name: "content_type that is not in ACCEPT", change: contentType("application/x-yaml"),
		differs: refused(`content_type \"application/x-yaml\" is not accepted: `)},
	{name: "compression", change: func(m *amqp.Publishing) {
		headers(amqp.Table{"compression": "application/x-gzip"})(m)
		m.Body = compressed(m.Body)
	}},
	{name: "unknown compression", change: headers(amqp.Table{"compression": "application/x-what"}),
		differs: refused(`compression \"application/x-what\" is not supported: `)},
}

// refused is the difference that what cannot be read is answered.
func refused(why string) difference {
	return difference{"it is answered with MalformedRequest; Nameko drops it, and who called waits for ever", `{"error":{"exc_args":["` + why}
}

func contentType(value string) func(*amqp.Publishing) {
	return func(m *amqp.Publishing) { m.ContentType = value }
}

func headers(values amqp.Table) func(*amqp.Publishing) {
	return func(m *amqp.Publishing) { m.Headers = values }
}

// compressed returns what Nameko calls gzip.
func compressed(body []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(body)
	w.Close()
	return b.Bytes()
}

func (f *fixture) requests(t *testing.T) {
	replies := brokertest.Bind(t, f.raw, "nameko-rpc", replyKey)
	for _, r := range requests {
		t.Run(r.name, func(t *testing.T) {
			want := outcome{Result: f.judge(t, r, replies)}
			f.publish(t, "go_peer", r)
			r.differs.check(t, "Go", outcome{Result: f.answer(t, r, "go_peer", replies)}, want)
		})
	}
	t.Run("reply_to is empty", func(t *testing.T) { // which our client library leaves out
		for _, service := range []string{"python_peer", "go_peer"} {
			r := request{name: "reply_to is empty"}
			f.python.call(t, call{Service: service, Method: "mark", Args: list(r.name), ReplyTo: new(string)})
			if got := f.marked(t, service); got != r.name {
				t.Errorf("%s: got %q run, want %q", service, got, r.name)
			}
		}
	})
	if n := brokertest.Depth(t, f.uri, "rpc-go_peer"); n != 0 {
		t.Errorf("got %d requests left, want none", n)
	}
}

// replyKey is what raw requests are replied to by.
const replyKey = "interop-raw-reply"

// publish sends the request to a service.
func (f *fixture) publish(t *testing.T, service string, r request) {
	t.Helper()
	m := amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", CorrelationId: r.name, ReplyTo: replyKey, Headers: amqp.Table{},
		Body: []byte(cmp.Or(r.body, `{"args": [1], "kwargs": {}}`)),
	}
	if r.change != nil {
		r.change(&m)
	}
	if err := f.raw.PublishWithContext(t.Context(), "nameko-rpc", service+"."+cmp.Or(r.method, "echo"), true, false, m); err != nil {
		t.Fatal(err)
	}
}

// judge returns what Nameko does with the request.
func (f *fixture) judge(t *testing.T, r request, replies <-chan amqp.Delivery) string {
	t.Helper()
	if r.kills == "" {
		f.publish(t, "python_peer", r)
		return f.answer(t, r, "python_peer", replies)
	}
	victim := f.victims[r.kills]
	victim.started(t, r.kills)
	f.publish(t, r.kills, r)
	select {
	case <-victim.Ended():
	case d := <-replies:
		return reply(t, d)
	case <-time.After(hosttest.Timeout):
		t.Fatalf("Nameko lives %s after the request", hosttest.Timeout)
	}
	left, err := f.raw.Consume("rpc-"+r.kills, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := hosttest.Next(t, left); !d.Redelivered {
		t.Errorf("got %s left, want what Nameko was given", d.Body)
	}
	return fmt.Sprintf("it ends with %s, and leaves the request to the next one", victim.State())
}

// answer waits for the reply to the request, or for what a service does instead.
func (f *fixture) answer(t *testing.T, r request, service string, replies <-chan amqp.Delivery) string {
	t.Helper()
	if r.method == "mark" {
		return "it runs, and nobody is told of " + f.marked(t, service)
	}
	var dropped <-chan string
	if service == "python_peer" {
		dropped = f.nameko.dropped
	}
	select {
	case d := <-replies:
		return reply(t, d)
	case <-dropped:
		return "it is dropped"
	case <-time.After(hosttest.Timeout):
		t.Fatalf("%s: neither a reply nor a word in %s", service, hosttest.Timeout)
	}
	panic("unreachable")
}

// marked returns what the method mark of a service was last called with.
func (f *fixture) marked(t *testing.T, service string) (text string) {
	t.Helper()
	if err := f.caller.Client(service).Call(t.Context(), "marked", &text); err != nil {
		t.Errorf("%s: %v", service, err)
	}
	return text
}

// ids are those of calls of either peer.
var ids = regexp.MustCompile(`(python|go)_peer\.\w+\.[-0-9a-f]{36}`)

// reply returns a reply as text: its body and its properties, without ids.
func reply(t *testing.T, d amqp.Delivery) string {
	t.Helper()
	var body any
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return fmt.Sprintf("%v: %q", err, d.Body)
	}
	text, err := json.Marshal(body) // with its keys sorted
	if err != nil {
		t.Fatal(err)
	}
	return ids.ReplaceAllString(string(text), "ID") + " " + properties(d)
}

// properties returns those of a message as text, ids aside.
func properties(d amqp.Delivery) string {
	return fmt.Sprintln(d.ContentType, d.ContentEncoding, d.DeliveryMode, d.Priority, d.CorrelationId, d.ReplyTo, d.Expiration,
		d.MessageId, d.Timestamp, d.Type, d.UserId, d.AppId, d.Headers)
}

// Bodies of replies that no service sends, and Nameko's caller reads all the same.
var replies = []struct{ name, body string }{
	{"as it should be", `{"result": [1, 2.0], "error": null}`},
	{"error before result", `{"error": null, "result": 5}`},
	{"further keys", `{"result": 5, "error": null, "more": 1}`},
	{"error is empty", `{"result": 5, "error": {}}`},
	{"error without arguments", `{"result": null, "error": {"exc_type": "T", "exc_path": "m.T", "value": "v"}}`},
}

// replies has a service that is in neither language answer callers in both.
func (f *fixture) replies(t *testing.T) {
	requests := brokertest.Bind(t, f.raw, "nameko-rpc", "odd.*")
	answer := func(t *testing.T, body string) {
		r := hosttest.Next(t, requests)
		m := amqp.Publishing{ContentType: "application/json", ContentEncoding: "utf-8", CorrelationId: r.CorrelationId, Body: []byte(body)}
		if err := f.raw.PublishWithContext(t.Context(), "nameko-rpc", r.ReplyTo, false, false, m); err != nil {
			t.Error(err)
		}
	}
	for _, r := range replies {
		t.Run(r.name, func(t *testing.T) {
			c := call{Service: "odd", Method: "ask"}
			python := f.python.start(t, c)
			answer(t, r.body)
			want := seen(python(t)[0])
			got := make(chan outcome, 1)
			go func() { got <- f.call(t, c) }()
			answer(t, r.body)
			difference{}.check(t, "Go", hosttest.Next(t, got), want)
		})
	}
}
