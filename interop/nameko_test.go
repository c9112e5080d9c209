package interop_test

import (
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fixture is one broker with services and callers in both languages on it.
type fixture struct {
	uri     string
	codec   codec.Codec      // the JSON that this Nameko's kombu writes
	nameko  *peer            // python_peer, audience and x
	victims map[string]*peer // by their one service
	python  *caller
	caller  *rpc.Caller
	raw     *amqp.Channel // for what no client sends
	ran     *ran          // by our x
}

// TestNameko has Python and Go call each other, with both kombus and on both brokers. Nobody has
// written down what is right: every call is made from Python to Python too, and that is what it is
// compared with.
func TestNameko(t *testing.T) {
	for _, kombu := range []struct {
		name, venv string
		codec      codec.Codec
	}{
		{"kombu 5.2", hosttest.Kombu5_2, codec.JSON},
		{"kombu 5.4", hosttest.Kombu5_4, codec.TypedJSON},
	} {
		t.Run(kombu.name, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				f := startFixture(t, uri, kombu.venv, kombu.codec)
				t.Run("calls", f.calls)
				t.Run("typed client", f.client)
				t.Run("requests", f.requests)
				t.Run("replies", f.replies)
				t.Run("values", f.values)
				t.Run("chain", f.chain)
				t.Run("streams", f.streams)
				t.Run("event behind a call", f.event)
				t.Run("queue", f.queue)
			})
		})
	}
}

// TestTable holds the page of what is compared to what is compared: TestNameko fails for a row that
// says equal and is not, and for one that says different and is not.
func TestTable(t *testing.T) {
	var rows []golden.Row
	add := func(group, name string, differs ...string) {
		differs = slices.DeleteFunc(differs, func(why string) bool { return why == "" })
		rows = append(rows, golden.Row{Group: group, Vector: name, Differs: strings.Join(differs, "; ")})
	}
	in := func(where string, d difference) string {
		if d.why == "" {
			return ""
		}
		return where + ": " + d.why
	}
	for _, r := range calls {
		add("calls", r.name, in("Python calls Go", r.served), in("Go calls Python", r.called))
	}
	for _, r := range requests {
		add("requests", r.name, r.differs.why)
	}
	for _, r := range replies {
		add("replies", r.name)
	}
	for _, v := range values {
		add("values", v.name, in("JSON, kombu 5.2", v.json), in("JSON, kombu 5.4", v.typed), in("msgpack", v.packed))
	}
	golden.Table(t, "interop", `Calls and their errors, raw requests that no client sends, replies, and values of every type: Nameko
calling Nameko, compared with Nameko calling gomeko and gomeko calling Nameko. Tested with kombu 5.2
and 5.4, on the embedded broker and on RabbitMQ.`, rows)
}

func startFixture(t *testing.T, uri, venv string, c codec.Codec) *fixture {
	t.Helper()
	f := &fixture{uri: uri, codec: c, ran: new(ran)}
	f.nameko = launchNameko(t, venv, uri, "peer", "peer.yaml", "peer")
	f.victims = map[string]*peer{
		"no_content_type": launchNameko(t, venv, uri, "peer", "peer.yaml", "victim:NoContentType"),
		"no_reply_to":     launchNameko(t, venv, uri, "peer", "peer.yaml", "victim:NoReplyTo"),
	}
	f.python = startCallerOf(t, venv, uri)
	f.serve(t, newGoPeer(), &X{ran: f.ran})
	f.caller = hosttest.Caller(t, transport.Config{URI: uri, Codec: c}, rpc.Config{})
	f.raw = brokertest.Channel(t, uri)
	f.nameko.started(t, "audience, python_peer, x")
	return f
}

// serve hosts services, with what Nameko is configured with in peer/peer.yaml, until the test ends.
func (f *fixture) serve(t *testing.T, services ...any) *service.Container {
	t.Helper()
	return hostOn(t, service.Config{ParentCallsTracked: 4}, transport.Config{URI: f.uri, Codec: f.codec}, services...)
}

// hostOn hosts services on a broker until the test ends.
func hostOn(t *testing.T, cfg service.Config, broker transport.Config, services ...any) *service.Container {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Service: cfg, Broker: broker}, services...).Container
}
