package jobs_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
)

// hostile returns messages each of which has one fault or oddity.
func hostile() map[string]amqp.Publishing {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	all := map[string]amqp.Publishing{
		"nested":             {MessageId: "nested", Body: []byte(`{"args":[` + deep + `],"kwargs":{}}`)},
		"nested without id":  {Body: []byte(`{"args":[` + deep + `],"kwargs":{}}`)},
		"large":              {MessageId: "large", Body: []byte(`{"args":["` + strings.Repeat("x", 1<<20) + `"],"kwargs":{}}`)},
		"longest id":         {MessageId: strings.Repeat("i", 255)},
		"id with NUL":        {MessageId: "a\x00b"},
		"id not in UTF-8":    {MessageId: "a\xffb"},
		"highest priority":   {MessageId: "priority", Priority: 255},
		"type of a nudge":    {MessageId: "nudge", Type: "gomeko.jobs.nudge", Body: []byte("\x00\xff")},
		"type of a hook":     {MessageId: "hook", Type: "gomeko.jobs.hook", Body: []byte("\x00\xff")},
		"utf8":               {MessageId: "utf8", ContentEncoding: "utf8"},
		"unknown encoding":   {MessageId: "encoding", ContentEncoding: "rot13"},
		"broken encoding":    {MessageId: "gzip", ContentEncoding: "gzip"},
		"unknown type":       {MessageId: "type", ContentType: "image/png"},
		"type with charset":  {MessageId: "charset", ContentType: "application/json; charset=utf-8"},
		"type with NUL":      {MessageId: "type NUL", ContentType: "application/json\x00"},
		"reply_to with NUL":  {MessageId: "reply", ReplyTo: "a\x00"},
		"correlation":        {MessageId: "correlation", CorrelationId: "\xff"},
		"reply_to of nobody": {MessageId: "reply to", ReplyTo: strings.Repeat("r", 255)},
	}
	for name, body := range map[string]string{
		"empty": "", "null": "null", "a number": "1", "a list": "[]", "no JSON": "{", "not UTF-8": "\"\xff\"",
		"args of a number": `{"args":1}`, "args of an object": `{"args":{},"kwargs":[]}`, "kwargs of a list": `{"kwargs":[1]}`,
		"wrong types": `{"args":[{"a":[1]}],"kwargs":{"width":"wide"}}`, "huge number": `{"args":[1e999],"kwargs":{"width":1e400}}`,
		"id of a list": `{"id":[],"name":{},"args":[]}`, "keys twice": `{"args":["a"],"args":["b"],"kwargs":{"url":"c"}}`,
		"name of a service": `{"name":"images.","args":[]}`, "long name": `{"name":"` + strings.Repeat("n", 300) + `","args":[]}`,
		"name with NUL": `{"name":"a\u0000","args":[]}`,
	} {
		all["body: "+name] = amqp.Publishing{MessageId: "body " + name, Body: []byte(body)}
		all["body alone: "+name] = amqp.Publishing{Body: []byte(body)}
	}
	for name, at := range map[string]any{
		"NaN": math.NaN(), "infinity": math.Inf(1), "a table": amqp.Table{"a": int32(1)}, "far": int64(math.MaxInt64), "long ago": int64(math.MinInt64),
		"year 9999": "9999-12-31T23:59:59Z", "year 0": "0000-01-01T00:00:00Z", "a far time": time.Unix(1<<55, 0), "a far number": math.MaxFloat64,
		"a large number": float64(1 << 39), "text": "tomorrow", "void": nil, "bytes": []byte("\xff"), "a list": []any{"2026-01-01T00:00:00Z"},
	} {
		all["run_at: "+name] = amqp.Publishing{MessageId: "run_at " + name, Headers: amqp.Table{"gomeko.run_at": at}}
	}
	for name, value := range map[string]any{
		"NaN": math.NaN(), "infinity": math.Inf(-1), "a far time": time.Unix(1<<55, 0), "an early time": time.Unix(-1<<50, 0), "NUL": "a\x00b", "not UTF-8": "\xff",
		"bytes": []byte{0, 255}, "a decimal": amqp.Decimal{Scale: 200, Value: 1}, "lists": []any{[]any{amqp.Table{"a": nil}}}, "a broken key": amqp.Table{"\xff": 1},
	} {
		all["header: "+name] = amqp.Publishing{MessageId: "header " + name, Headers: amqp.Table{"nameko.x": value}}
	}
	all["header: compression"] = amqp.Publishing{MessageId: "compressed", Headers: amqp.Table{"compression": codec.Zlib}, Body: codec.Deflate([]byte(`{"args":["a"],"kwargs":{}}`))}
	all["header: no compression"] = amqp.Publishing{MessageId: "not compressed", Headers: amqp.Table{"compression": codec.Zlib}}
	return all
}

// TestHostileMessages publishes messages that are not jobs, or almost, with and without a job's
// routing key. All of them are settled, and a job that follows them runs.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, uri string, s *store.Store) {
		script := newScript()
		script.wait = func(context.Context, string) error { return nil }
		w := startWorker(t, uri, jobs.Config{Store: s}, 3, &Images{Script: script})
		for name, m := range hostile() {
			if m.ContentType == "" {
				m.ContentType = "application/json"
			}
			if m.Body == nil {
				m.Body = []byte(`{"args":["a"],"kwargs":{}}`)
			}
			for i, to := range []struct{ exchange, key string }{{"gomeko.jobs", "images.wait"}, {"", "gomeko.jobs.images"}, {"gomeko.jobs", "images.resize"}} {
				if m.MessageId != "" && i > 0 && len(m.MessageId) < 200 {
					m.MessageId += "+"
				}
				publishRaw(t, uri, name, to.exchange, to.key, m)
			}
		}
		publish(t, uri, "images.wait", "good", `{"args":["good"],"kwargs":{}}`)
		reach(t, s, "good", store.Succeeded)
		hosttest.Eventually(t, "the queue is empty", func() bool { return brokertest.Depth(t, uri, "gomeko.jobs.images") == 0 })
		for id, want := range map[string]store.State{
			"utf8": store.Succeeded, "charset": store.Succeeded, "compressed": store.Succeeded, "large": store.Succeeded,
			"run_at year 9999": store.Scheduled, "run_at year 0": "", "run_at a large number": "", "run_at far": "", "not compressed": "",
			"nested": store.Failed, "header bytes": store.Succeeded,
		} {
			found, err := s.Get(t.Context(), id)
			if err != nil || (want == "") != (len(found) == 0) || want != "" && found[0].State != want {
				t.Errorf("job %s: %v, %v, want it %q", id, found, err, want)
			}
		}
		if lines := w.Log.Lines("does not answer"); len(lines) > 0 {
			t.Errorf("the store was not away: %q", lines[0])
		}
	})
}

// publishRaw publishes a message, and returns when the broker has confirmed or refused it.
func publishRaw(t *testing.T, uri, name, exchange, key string, m amqp.Publishing) {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	confirm, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), exchange, key, false, false, m)
	if err != nil {
		t.Logf("%s: %v", name, err)
		return
	}
	select {
	case <-confirm.Done():
	case err := <-closed:
		t.Logf("%s: refused: %v", name, err)
	}
}
