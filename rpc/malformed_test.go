package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// refused lists, by name, the requests that Nameko drops, or that end its process. Each is answered
// with an error that says what is wrong. The values are the beginnings of the errors.
var refused = map[string]string{
	"invalid_json":           "body is not valid JSON: ",
	"invalid_utf8":           "body is not valid UTF-8",
	"content_encoding_utf16": `content_encoding "utf-16" is not accepted: send utf-8`,
	"content_type_unknown":   `content_type "application/x-nope" is not accepted: send application/json or application/x-msgpack`,
	"content_type_text":      `content_type "text/plain" is not accepted: send application/json or application/x-msgpack`,
	"unknown_compression":    `compression "application/x-what" is not supported: send zlib, or do not compress`,
}

// openMalformed starts a service with one worker, so it finishes one request before it takes the
// next. Nothing that arrives over the wire harms it, stays in its queue or goes unanswered.
func openMalformed(t *testing.T, uri string) replay {
	server, peer := startWorkers(t, 1, uri, new(Echo)), newPeer(t, uri)
	t.Cleanup(func() { isEmpty(t, server, uri) })
	return func(t *testing.T, v brokertest.Vector) string {
		wanted := v.Messages[1:]
		request := v.Messages[0].Publishing()
		if request.CorrelationId != "" {
			request.CorrelationId = v.Name
		}
		for _, m := range wanted {
			if m.Properties["correlation_id"] != nil {
				m.Properties["correlation_id"] = v.Name
			}
		}
		before := len(server.tap.published(t))
		peer.publish(v.Messages[0].Key, request)
		peer.publish("vec_echo.noargs", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "after", Body: []byte(`{"args": [], "kwargs": {}}`)})
		for reply := hosttest.Next(t, peer.replies); reply.CorrelationId != "after"; reply = hosttest.Next(t, peer.replies) {
			if why, ok := refused[v.Name]; ok {
				isRefused(t, server, reply, request, why)
			}
		}
		sent := server.tap.published(t)[before:]
		sent = sent[:len(sent)-1]
		if len(sent) != len(wanted) {
			return fmt.Sprintf("got %d messages sent, want %d", len(sent), len(wanted))
		}
		var found []string
		for i := range sent {
			found = append(found, sent[i].Difference(wanted[i]))
		}
		if v.Exited {
			found = append(found, "the process: got it alive, want it dead")
		}
		return lines(found...)
	}
}

// isRefused checks the answer to a request that could not be read, and the line in the log.
func isRefused(t *testing.T, server *process, reply amqp.Delivery, request amqp.Publishing, why string) {
	t.Helper()
	var body struct {
		Result any
		Error  *rpc.Error
	}
	if err := json.Unmarshal(reply.Body, &body); err != nil {
		t.Fatal(err)
	}
	e := body.Error
	if e == nil || body.Result != nil || e.Path != "nameko.exceptions.MalformedRequest" || !strings.HasPrefix(e.Value, why) {
		t.Errorf("got %s, want MalformedRequest: %s", reply.Body, why)
	}
	lines := server.Log.Lines("level=WARN", `msg="bad request"`, "service=vec_echo", "method=echo",
		"correlation_id="+request.CorrelationId+" ", " body=")
	if len(lines) != 1 {
		t.Fatalf("got %d lines about %s, want 1:\n%s", len(lines), request.CorrelationId, server.Log.String())
	}
	if len(lines[0]) > 1000 {
		t.Errorf("got a line of %d bytes, want the head of the body only", len(lines[0]))
	}
}

// isEmpty checks that nothing is left in the server's queue after it has stopped.
func isEmpty(t *testing.T, server *process, uri string) {
	t.Helper()
	server.stop(t)
	if n := brokertest.Depth(t, uri, "rpc-vec_echo"); n != 0 {
		t.Errorf("got %d requests left in the queue, want 0", n)
	}
}

// TestOddBodies sends bodies that Python would iterate over or index, whatever their type.
func TestOddBodies(t *testing.T) {
	tests := []struct{ body, want string }{
		{`"text"`, `TypeError: string indices must be integers, not 'str'`},
		{`1`, `TypeError: 'int' object is not subscriptable`},
		{`1.5`, `TypeError: 'float' object is not subscriptable`},
		{` true`, `TypeError: 'bool' object is not subscriptable`},
		{`{"args": 5, "kwargs": {}}`, `IncorrectSignature: Value after * must be an iterable, not int`},
		{`{"args": [], "kwargs": "x"}`, `IncorrectSignature: inspect.getcallargs() argument after ** must be a mapping, not str`},
		{`{"args": "é", "kwargs": {}}`, `"é"`},
		{`{"args": {"k": 1}, "kwargs": {}}`, `"k"`},
		{`{"args": [1], "args": [2], "kwargs": {}}`, `2`},
		{`{"args": [1,], "kwargs": {}}`, `MalformedRequest: body is not valid JSON: `},
		{`{"args": [1], "kwargs": {}} x`, `MalformedRequest: body is not valid JSON: `},
		{strings.Repeat("[", 100_000), `MalformedRequest: body is nested deeper than 10000 `},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		for _, test := range tests {
			peer.publish("vec_echo.echo", amqp.Publishing{ContentType: "application/json", ReplyTo: replyKey, Body: []byte(test.body)})
			var reply struct {
				Result json.RawMessage
				Error  *rpc.Error
			}
			if err := json.Unmarshal(hosttest.Next(t, peer.replies).Body, &reply); err != nil {
				t.Fatal(err)
			}
			got := string(reply.Result)
			if reply.Error != nil {
				got = reply.Error.Error()
			}
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("%.60s: got %s, want %s", test.body, got, test.want)
			}
		}
		isEmpty(t, server, uri)
	})
}

// A content type may have parameters, and is not case-sensitive. The reply has the content type of
// the codec.
func TestContentTypeParameters(t *testing.T) {
	tests := []struct{ contentType, want string }{
		{"application/json; charset=utf-8", "1"},
		{`Application/JSON;Charset="UTF-8"`, "1"},
		{"application/json; charset=us-ascii; q=1", "1"},
		{"application/json; charset=iso-8859-1",
			`MalformedRequest: content_type "application/json; charset=iso-8859-1" is not accepted: send application/json in UTF-8`},
		{"application/json; charset", `MalformedRequest: content_type "application/json; charset" is not accepted: what follows application/json must be parameters such as charset=utf-8: correct it, or send application/json`},
		{"application/json; ;", `MalformedRequest: content_type "application/json; ;" is not accepted: what follows application/json must be parameters`},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		for _, test := range tests {
			request := amqp.Publishing{ContentType: test.contentType, ReplyTo: replyKey, Body: []byte(`{"args": [1], "kwargs": {}}`)}
			peer.publish("vec_echo.echo", request)
			var reply struct {
				Result json.RawMessage
				Error  *rpc.Error
			}
			message := hosttest.Next(t, peer.replies)
			if err := json.Unmarshal(message.Body, &reply); err != nil {
				t.Fatal(err)
			}
			got := string(reply.Result)
			if reply.Error != nil {
				got = reply.Error.Error()
			}
			if !strings.HasPrefix(got, test.want) || message.ContentType != "application/json" {
				t.Errorf("%s: got %s in %s, want %s in application/json", test.contentType, got, message.ContentType, test.want)
			}
		}
		isEmpty(t, server, uri)
	})
}

// A broker may have a smaller limit than ours. The caller of a reply over that limit gets an error,
// and the request is not delivered again and again.
func TestReplyTooLargeForTheBroker(t *testing.T) {
	b := broker.New(broker.Config{MaxMessage: 100_000})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	uri := "amqp://guest:guest@" + addr.String() + "/"
	server := start(t, uri, new(Echo))
	client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
	ctx := rpc.With(t.Context(), rpc.Compress()) // compresses the request only
	for range 2 {
		err := client.Call(ctx, "echo", nil, strings.Repeat("x", 200_000))
		const want = "UnserializableValueError: Unserializable value: `string: broker: 406 PRECONDITION_FAILED - message size "
		if !strings.HasPrefix(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	isEmpty(t, server, uri)
}

func TestRequestTooLarge(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		request := amqp.Publishing{ContentType: "application/json", ReplyTo: replyKey, CorrelationId: "large"}
		request.Body = fmt.Appendf(nil, `{"args": [%q], "kwargs": {}}`, strings.Repeat("x", maxMessage))
		peer.publish("vec_echo.echo", request)
		isRefused(t, server, hosttest.Next(t, peer.replies), request,
			fmt.Sprintf("body of %d bytes is over max_message, %d", len(request.Body), maxMessage))
		isEmpty(t, server, uri)
	})
}

// Headers of any type are context data. A call id stack of any type is treated as a stack or as
// none.
func TestOddHeaders(t *testing.T) {
	stacks := []any{nil, int32(5), "abc", []any{"a", int32(1), nil}, amqp.Table{"a": "b"}, []byte{0xff}, true}
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		for _, stack := range stacks {
			headers := amqp.Table{
				"nameko.call_id_stack": stack, "nameko.": "empty", "": "none", "compression": nil,
				"x-death":     []any{amqp.Table{"count": int64(1), "time": time.Unix(1, 0)}},
				"nameko.deep": amqp.Table{"a": []any{amqp.Table{"d": amqp.Decimal{Scale: 2, Value: 5}, "f": float32(1.5)}}},
			}
			request := amqp.Publishing{ContentType: "application/json", ReplyTo: replyKey, Headers: headers}
			request.Body = []byte(`{"args": [], "kwargs": {}}`)
			peer.publish("vec_echo.ctxdata", request)
			if got := string(hosttest.Next(t, peer.replies).Body); !strings.Contains(got, `"error":null`) || !strings.Contains(got, `"deep":`) {
				t.Errorf("stack %v: got %s, want no error and the data", stack, got)
			}
		}
		isEmpty(t, server, uri)
	})
}

// A header of any type is passed on as it was received; bytes are passed on as Nameko does, as a
// string.
func TestOddHeadersHandedOn(t *testing.T) {
	headers := amqp.Table{
		"bool": true, "byte": uint8(1), "int8": int8(-1), "int16": int16(-2), "int32": int32(-3), "int64": int64(1 << 40),
		"float32": float32(1.5), "float64": 2.5, "decimal": amqp.Decimal{Scale: 2, Value: 5}, "bytes": []byte{0xff},
		"time": time.Unix(1, 0), "table": amqp.Table{"list": []any{amqp.Table{"deep": nil}, []any{}}},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Front))
		peer := newPeer(t, uri)
		requests := peer.bind("backend.*")
		peer.publish("front.relay", amqp.Publishing{
			ContentType: "application/json", ReplyTo: replyKey, Headers: headers, Body: []byte(`{"args": ["backend", "m"], "kwargs": {}}`),
		})
		request := hosttest.Next(t, requests)
		for name, want := range headers {
			if bytes, ok := want.([]byte); ok {
				want = string(bytes)
			}
			if got := request.Headers["nameko."+name]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		peer.publish(request.ReplyTo, amqp.Publishing{
			ContentType: "application/json", CorrelationId: request.CorrelationId, Body: []byte(`{"result": 5, "error": null}`),
		})
		hosttest.Next(t, peer.replies)
	})
}

// Nobody waits for these replies: one is for a caller that has gone, one for a caller that has had
// it before.
func TestReplyToNobody(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo), new(Front)), newPeer(t, uri)
		body := []byte(`{"args": [1], "kwargs": {}}`)
		peer.publish("vec_echo.echo", amqp.Publishing{ContentType: "application/json", ReplyTo: "nobody", Body: body})

		// The front calls a service that answers twice, and then again; when the second call is answered,
		// the front has received both answers to the first.
		requests := peer.bind("backend.*")
		ask := func(answers int) (id string) {
			peer.publish("front.relay", amqp.Publishing{
				ContentType: "application/json", ReplyTo: replyKey, Body: []byte(`{"args": ["backend", "m"], "kwargs": {}}`),
			})
			request := hosttest.Next(t, requests)
			for range answers {
				peer.publishOptional(request.ReplyTo, amqp.Publishing{
					ContentType: "application/json", CorrelationId: request.CorrelationId, Body: []byte(`{"result": 5, "error": null}`),
				})
			}
			if got := hosttest.Next(t, peer.replies).Body; !brokertest.SameBody(got, []byte(`{"result": 5, "error": null}`)) {
				t.Errorf("got %s, want the result", got)
			}
			return request.CorrelationId
		}
		twice := ask(2)
		ask(1)
		isEmpty(t, server, uri)
		if got := server.Log.Lines("level=DEBUG", "reply dropped"); len(got) != 1 || !strings.Contains(got[0], twice) {
			t.Errorf("got %q about replies that were dropped, want one line, of the one that came twice", got)
		}
	})
}
