package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

const streamKey = "vec-raw-stream" // the routing key for credits to a peer

// part is a message of a stream with a result, such as [1, 2]. The headers in more replace those of
// the same name.
func part(seq any, run, result string, more amqp.Table) amqp.Publishing {
	m := amqp.Publishing{
		Type: "gomeko.part", ReplyTo: streamKey, ContentType: "application/json", ContentEncoding: "utf-8",
		Headers: amqp.Table{"gomeko.seq": seq, "gomeko.run": run}, Body: fmt.Appendf(nil, `{"result": %s, "error": null}`, result),
	}
	maps.Copy(m.Headers, more)
	return m
}

// last is the last part of a stream.
func last(seq any, run string, count any) amqp.Publishing {
	return part(seq, run, "[]", amqp.Table{"gomeko.count": count})
}

// Whatever a producer sends, a reader never accepts a stream as complete that may not be, and gets
// no item twice.
func TestHostileProducer(t *testing.T) {
	one, ask := part(0, "a", "[1, 2]", nil), amqp.Table{"gomeko.ask": true}
	dead, nobody, broken := part(0, "a", "[1, 2]", ask), part(0, "a", "[1, 2]", ask), part(1, "a", "[3]", nil)
	dead.ReplyTo, nobody.ReplyTo, broken.Body = "stream-dead", "", []byte(`{"result": [3`)
	reply, unknown := part(1, "a", "[1, 2, 3]", nil), part(-1, "", "[]", nil)
	reply.Type, unknown.Body = "", []byte("{}")
	lost := rpc.ErrConnectionLost
	tests := map[string]struct {
		parts []amqp.Publishing
		items int
		want  error  // nil: the stream is complete
		text  string // in its text
	}{
		"good":              {[]amqp.Publishing{one, part(1, "a", "[3]", ask), last(2, "a", 3)}, 3, nil, ""},
		"small integers":    {[]amqp.Publishing{part(byte(0), "a", "[1, 2]", nil), last(int8(1), "a", byte(2))}, 2, nil, ""},
		"empty":             {[]amqp.Publishing{last(0, "a", 0)}, 0, nil, ""},
		"null":              {[]amqp.Publishing{part(0, "a", "null", nil), last(1, "a", 0)}, 0, nil, ""},
		"after the end":     {[]amqp.Publishing{one, last(1, "a", 2), part(2, "a", "[3]", ask), last(3, "a", 3), reply}, 2, nil, ""},
		"late":              {[]amqp.Publishing{part(1, "a", "[1]", nil)}, 0, lost, "another run"},
		"twice":             {[]amqp.Publishing{one, one}, 2, lost, "part 0 has come twice"},
		"missing":           {[]amqp.Publishing{one, last(2, "a", 2)}, 2, lost, "part 1 is missing"},
		"negative":          {[]amqp.Publishing{one, part(-1, "a", "[3]", nil)}, 2, lost, "part -1 has come twice"},
		"a text as number":  {[]amqp.Publishing{part("0", "a", "[1]", nil)}, 0, lost, "without a number"},
		"no number":         {[]amqp.Publishing{one, part(nil, "a", "[3]", nil)}, 2, lost, "without a number"},
		"another run":       {[]amqp.Publishing{one, part(1, "b", "[3]", nil)}, 2, lost, "another run"},
		"no run":            {[]amqp.Publishing{part(0, "", "[1]", nil)}, 0, lost, "another run"},
		"an unknown stream": {[]amqp.Publishing{one, unknown}, 2, lost, "another run"},
		"a reply":           {[]amqp.Publishing{one, reply}, 2, lost, "another process"},
		"too few":           {[]amqp.Publishing{one, last(1, "a", 3)}, 2, lost, "counts 3"},
		"too many":          {[]amqp.Publishing{one, last(1, "a", 1)}, 2, lost, "counts 1"},
		"a huge count":      {[]amqp.Publishing{one, last(1, "a", int64(1)<<62)}, 2, lost, "counts 4611686018427387904"},
		"a negative count":  {[]amqp.Publishing{one, last(1, "a", -2)}, 2, lost, "counts -2"},
		"a dead producer":   {[]amqp.Publishing{dead}, 2, lost, "is gone"},
		"no producer":       {[]amqp.Publishing{nobody}, 2, lost, "is gone"},
		"not a list":        {[]amqp.Publishing{one, part(1, "a", `{"a": 1}`, nil)}, 2, nil, "does not fit"},
		"other items":       {[]amqp.Publishing{one, part(1, "a", `["x"]`, nil)}, 2, nil, "does not fit"},
		"not JSON":          {[]amqp.Publishing{one, broken}, 2, nil, "not valid JSON"},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		forger := newPeer(t, uri)
		requests, _ := forger.bind("forger.*"), forger.bind(streamKey)
		client := dial(t, uri, quick, nil).Client("forger")
		for name, test := range tests {
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				request := <-requests
				for _, m := range test.parts {
					m.CorrelationId = request.CorrelationId
					forger.publish(request.ReplyTo, m)
				}
			}()
			got, err := collect(rpc.Stream[int](t.Context(), client, "count"))
			hosttest.Receive(t, "the parts are sent", sent)
			if fits := err == nil && test.text == "" || err != nil && test.text != "" && strings.Contains(err.Error(), test.text); !fits || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v with %q", name, err, test.want, test.text)
			}
			if len(got) != test.items || !slices.Equal(got, []int{1, 2, 3}[:len(got)]) {
				t.Errorf("%s: got the items %v, want %d", name, got, test.items)
			}
		}
		hosttest.Eventually(t, "no stream is left", func() bool { return client.Waiting() == 0 })
	})
}

// Whatever a reader sends, a producer sends no more than a window, and continues when it gets good
// credits.
func TestHostileReader(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, newCounter(), service.Configure(rpc.Config{StreamParts: 2}))
		reader := newPeer(t, uri)
		reader.publish("counter.count", amqp.Publishing{Type: "gomeko.stream", ReplyTo: replyKey, CorrelationId: "1", Body: []byte(`{"args": [5000], "kwargs": {}}`)})
		first := hosttest.Next(t, reader.replies)
		hosttest.Next(t, reader.replies)
		run := first.Headers["gomeko.run"]
		credit := func(id string, headers amqp.Table) {
			reader.publish(first.ReplyTo, amqp.Publishing{Type: "gomeko.credit", ReplyTo: replyKey, CorrelationId: id, Headers: headers})
		}
		for _, headers := range []amqp.Table{
			nil, {"gomeko.run": run}, {"gomeko.taken": int64(2)}, {"gomeko.taken": int64(-5), "gomeko.run": run}, {"gomeko.taken": "2", "gomeko.run": run},
			{"gomeko.taken": 2.0, "gomeko.run": run}, {"gomeko.taken": int64(2), "gomeko.run": "another"}, {"gomeko.taken": int64(2), "gomeko.run": int64(7)},
		} {
			credit("1", headers)
		}
		for range 2000 {
			credit("1", amqp.Table{"gomeko.taken": int64(0), "gomeko.run": run})
			reader.publish(first.ReplyTo, amqp.Publishing{Type: "gomeko.part", Body: []byte("x")})
		}
		credit("unknown", amqp.Table{"gomeko.taken": int64(1), "gomeko.run": run})
		if denied := hosttest.Next(t, reader.replies); denied.CorrelationId != "unknown" || denied.Headers["gomeko.run"] == run || string(denied.Body) != "{}" {
			t.Errorf("got %s of %s, want no part but the answer about an unknown stream", denied.Body, denied.CorrelationId)
		}
		for range 2000 { // at least the first ones are answered
			credit("unknown", nil)
		}
		parts, items := 2, int64(-1)
		for items < 0 {
			credit("1", amqp.Table{"gomeko.taken": int64(1) << 62, "gomeko.run": run}) // as if it had taken all parts
			m := hosttest.Next(t, reader.replies)
			for m.CorrelationId == "unknown" {
				m = hosttest.Next(t, reader.replies)
			}
			if seq := m.Headers["gomeko.seq"]; seq != int64(parts) {
				t.Fatalf("got part %v, want %d", seq, parts)
			}
			parts++
			if count, ok := m.Headers["gomeko.count"].(int64); ok {
				items = count
			}
		}
		if items != 5000 {
			t.Errorf("got %d items, want 5000", items)
		}
		if got, err := collect(rpc.Stream[int](t.Context(), dial(t, uri, rpc.Config{}, nil).Client("counter"), "count", 3)); err != nil || len(got) != 3 {
			t.Errorf("another reader: got %v, %v, want 3 items", got, err)
		}
		hosttest.Eventually(t, "no call is left", func() bool { return len(server.Host.Host().Running(false)) == 0 })
	})
}

// A request for a stream that cannot be answered with one is answered like any other request, if at
// all.
func TestStreamRequests(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		server, peer := start(t, uri, counter), newPeer(t, uri)
		args := []byte(`{"args": [3], "kwargs": {}}`)
		for name, test := range map[string]struct {
			key     string
			request amqp.Publishing
			want    string
		}{
			"a method that does not stream": {"counter.plain", amqp.Publishing{CorrelationId: "1"}, `{"result":[0,0,0],"error":null}`},
			"no correlation id":             {"counter.count", amqp.Publishing{}, `{"result":[0,1,2],"error":null}`},
			"another type":                  {"counter.count", amqp.Publishing{CorrelationId: "1", Type: "gomeko.streams"}, `{"result":[0,1,2],"error":null}`},
			"no such method":                {"counter.sum", amqp.Publishing{CorrelationId: "1"}, `{"result":null,"error":{"exc_type":"MethodNotFound","exc_path":"nameko.exceptions.MethodNotFound","exc_args":["sum"],"value":"sum"}}`},
		} {
			request := test.request
			request.ReplyTo, request.Body = replyKey, args
			if request.Type == "" {
				request.Type = "gomeko.stream"
			}
			peer.publish(test.key, request)
			if reply := hosttest.Next(t, peer.replies); reply.Type != "" || string(reply.Body) != test.want {
				t.Errorf("%s: got %s of the type %q, want the reply %s", name, reply.Body, reply.Type, test.want)
			}
		}
		made := counter.Made.Load()
		peer.publish("counter.count", amqp.Publishing{Type: "gomeko.stream", CorrelationId: "1", Body: args})
		hosttest.Eventually(t, "the request without reply_to has run", func() bool {
			return counter.Made.Load() == made+3 && len(server.Host.Host().Running(false)) == 0
		})
		if brokertest.Depth(t, uri, "rpc-counter") != 0 {
			t.Error("a request is left")
		}
	})
}

// Without permission for its queue, a service still starts, and readers get lists. With the
// permissions of docs/security.md they get streams. Readers need only the permissions for calls.
func TestStreamsRefused(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	const names = `nameko-rpc|rpc[.-].*`
	for streams, granted := range map[bool]string{false: "^(" + names + ")$", true: "^(" + names + `|gomeko\.stream-.*)$`} {
		user := brokertest.NewUser(t, uri)
		user.Grant(granted, granted, granted)
		server := start(t, user.URI("secret"), newCounter())
		lines := server.Log.Lines("level=WARN", "callers that ask for a stream get a list", "gomeko.stream-", "grant it")
		if len(lines) == 0 != streams {
			t.Errorf("with permissions for %s: got the warnings %q", granted, lines)
		}
		reader := brokertest.NewUser(t, uri)
		reader.Grant("^("+names+")$", "^("+names+")$", "^("+names+")$")
		client := dial(t, reader.URI("secret"), rpc.Config{}, nil).Client("counter")
		if got, err := collect(rpc.Stream[int](t.Context(), client, "count", 300)); err != nil || !slices.Equal(got, upTo(300)) {
			t.Errorf("with permissions for %s: got %d items, %v", granted, len(got), err)
		}
		if got := slices.ContainsFunc(server.tap.published(t), func(m published) bool { return m.Properties["type"] == "gomeko.part" }); got != streams {
			t.Errorf("with permissions for %s: sent parts: %t", granted, got)
		}
		server.stop(t)
	}
}

// ForgedClient calls a peer.
type ForgedClient struct {
	_ rpc.Client `rpc:"forger"`

	Sum func(ctx context.Context, numbers iter.Seq2[int, error]) (int, error) `rpc:"sum"`
}

// Whatever the other side of an argument sends, the method never accepts an argument as complete
// that may not be, and the call ends.
func TestHostileArguments(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Adder), service.Configure(quick)), newPeer(t, uri)
		for name, test := range map[string]struct {
			parts []amqp.Publishing // in the run a, which becomes the service's
			want  string
		}{
			"good":        {[]amqp.Publishing{part(0, "a", "[1, 2]", nil), last(1, "a", 2), part(2, "a", "[3]", nil)}, `{"result":3,"error":null}`},
			"another run": {[]amqp.Publishing{part(0, "b", "[1]", nil)}, "another run"},
			"late":        {[]amqp.Publishing{part(1, "a", "[1]", nil)}, "another run"},
			"twice":       {[]amqp.Publishing{part(0, "a", "[1]", nil), part(0, "a", "[1]", nil)}, "come twice"},
			"missing":     {[]amqp.Publishing{part(0, "a", "[1]", nil), last(2, "a", 1)}, "part 1 is missing"},
			"other items": {[]amqp.Publishing{part(0, "a", `["x"]`, nil)}, "does not fit"},
			"too few":     {[]amqp.Publishing{part(0, "a", "[1]", nil), last(1, "a", 2)}, "counts 2"},
		} {
			peer.publish("adder.sum", amqp.Publishing{ReplyTo: replyKey, CorrelationId: name, Body: []byte(`{"args": [{"gomeko.stream": true}], "kwargs": {}}`)})
			credit := hosttest.Next(t, peer.replies)
			for _, m := range test.parts {
				m.CorrelationId, m.ReplyTo = name, replyKey
				if m.Headers["gomeko.run"] == "a" {
					m.Headers = maps.Clone(m.Headers)
					m.Headers["gomeko.run"] = credit.Headers["gomeko.run"]
				}
				peer.publish(credit.ReplyTo, m)
			}
			reply := hosttest.Next(t, peer.replies)
			for reply.CorrelationId != name || reply.Type != "" { // other credits
				reply = hosttest.Next(t, peer.replies)
			}
			if !strings.Contains(string(reply.Body), test.want) {
				t.Errorf("%s: got %s, want %s", name, reply.Body, test.want)
			}
		}
		peer.publish("adder.sum", amqp.Publishing{Body: []byte(`{"args": [{"gomeko.stream": true}], "kwargs": {}}`)}) // no reader to ask
		hosttest.Eventually(t, "no call is left", func() bool {
			return len(server.Host.Host().Running(false)) == 0 && brokertest.Depth(t, uri, "rpc-adder") == 0
		})
		forged, err := rpc.Bind[ForgedClient](dial(t, uri, quick, nil))
		if err != nil {
			t.Fatal(err)
		}
		requests, parts := peer.bind("forger.*"), peer.bind(streamKey)
		ended := make(chan error, 1)
		go func() {
			_, err := forged.Sum(t.Context(), newCounter().numbers(1_000_000, nil))
			ended <- err
		}()
		request := hosttest.Next(t, requests)
		for _, run := range []string{"", "a", "b"} { // the first one belongs to no run and has no effect
			peer.publish(request.ReplyTo, amqp.Publishing{Type: "gomeko.credit", ReplyTo: streamKey, CorrelationId: request.CorrelationId,
				Headers: amqp.Table{"gomeko.run": run, "gomeko.taken": int64(0)}})
			if run == "a" {
				hosttest.Next(t, parts)
			}
		}
		if err := hosttest.Receive(t, "the call", ended); !errors.Is(err, rpc.ErrConnectionLost) || !strings.Contains(err.Error(), "another process began to read") {
			t.Errorf("two runs: got %v, want ErrConnectionLost", err)
		}
	})
}
