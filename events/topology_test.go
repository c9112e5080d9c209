package events_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// These are the captured services that have nothing to do with events.
type (
	VecMsg struct {
		_ service.Name `service:"vec_msg"`

		Entrypoints struct {
			Go      rpc.Method         `rpc:"go"`
			Consume messaging.Consumer `messaging:"vec_msg_q" exchange:"vec_msg_ex" kind:"direct" key:"vec_rk"`
		}

		Plain    messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"vec_rk"`
		Declared messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"declared" queue:"vec_msg_declared_q"`
	}
	VecTimer struct {
		_ service.Name `service:"vec_timer"`

		Entrypoints struct {
			Tick timer.Interval `timer:"1h"`
		}
	}
	VecA struct {
		_ service.Name `service:"vec_a"`

		Entrypoints struct {
			Top rpc.Method `rpc:"top(x)"`
		}

		B rpc.Client `rpc:"vec_b"`
	}
	VecB struct {
		_ service.Name `service:"vec_b"`

		Entrypoints struct {
			Mid rpc.Method `rpc:"mid(x)"`
		}

		C        rpc.Client `rpc:"vec_c"`
		Dispatch events.Dispatcher
	}
	VecC struct {
		_ service.Name `service:"vec_c"`

		Entrypoints struct {
			Leaf rpc.Method `rpc:"leaf(x)"`
		}
	}
	VecEcho struct {
		_ service.Name `service:"vec_echo"`

		Entrypoints struct {
			Echo rpc.Method `rpc:"echo(x)"`
		}
	}
)

func (*VecMsg) Go(context.Context) error             { return nil }
func (*VecMsg) Consume(context.Context, any) error   { return nil }
func (*VecTimer) Tick(context.Context) error         { return nil }
func (a *VecA) Top(ctx context.Context, x int) error { return a.B.Call(ctx, "mid", nil, x) }
func (*VecC) Leaf(context.Context, int) error        { return nil }
func (*VecEcho) Echo(context.Context, any) error     { return nil }

func (b *VecB) Mid(ctx context.Context, x int) error {
	if err := b.Dispatch(ctx, "mid_done", map[string]int{"x": x}); err != nil {
		return err
	}
	return b.C.Call(ctx, "leaf", nil, x)
}

// ours says why gomeko declares more than Nameko does.
const ours = "declares `gomeko.control` too, by which calls are cancelled: all of its names are ours"

// controlQos is the prefetch count of the consumer of gomeko.control.
const controlQos = "basic.qos 16"

// compare fails t if p declares and consumes other things than Nameko did. It returns what p
// declares in addition, under gomeko's own names.
func compare(t *testing.T, p *process, v brokertest.Vector) (extra string) {
	t.Helper()
	got, want := p.tap.Declarations(t), v.Declarations()
	maps.DeleteFunc(got, func(line string, _ bool) bool {
		control := strings.Contains(line, "gomeko.control")
		if control {
			extra += line + "\n"
		}
		return control || line == controlQos
	})
	if !maps.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", v.Name, sorted(got), sorted(want))
	}
	return extra
}

func sorted(lines map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n")
}

// replayTranscripts starts each captured service: it declares and consumes the same as in Python.
func replayTranscripts(t *testing.T, uri string, found golden.Outcomes) {
	l := &listener{calls: make(chan delivered, 10)}
	services := map[string]any{
		"source": &Source{}, "pool": &VecPool{listener: l}, "singleton": &VecSingleton{listener: l}, "broadcast": &VecBroadcast{listener: l},
		"msg": &VecMsg{}, "timer": &VecTimer{}, "rpcproxy": &VecA{},
	}
	for _, v := range brokertest.Vectors(t, "transcripts") {
		if s := services[v.Name]; s != nil {
			p := start(t, uri, fixed, s)
			found.Note(v.Name, compare(t, p, v))
			if v.Name == "pool" {
				defer func() { found.Note("_shutdown", goodbye(t, p)) }()
			}
		}
	}
}

// goodbye stops p. It returns the order in which p cancels consumers and closes channels and the
// connection, if that is not the order in Python.
func goodbye(t *testing.T, p *process) string {
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	var got []string
	for _, m := range p.tap.Sent(t) {
		switch m.(type) {
		case *frame.BasicCancel, *frame.ChannelClose, *frame.ConnectionClose:
			if _, first := m.(*frame.BasicCancel); len(got) == 0 && !first {
				continue // of what was declared
			}
			got = append(got, strings.TrimPrefix(fmt.Sprintf("%T", m), "*frame."))
		}
	}
	cancels, closes := 0, 0
	for i, name := range got {
		switch name {
		case "BasicCancel":
			cancels++
		case "ChannelClose":
			closes++
		case "ConnectionClose":
			if i != len(got)-1 {
				t.Errorf("got %v after the connection was closed", got[i+1:])
			}
		}
	}
	if cancels != 5 || closes < 5 || got[len(got)-1] != "ConnectionClose" {
		t.Errorf("got %v, want 5 consumers cancelled, their channels closed, and the connection", got)
	}
	if closes == 1 {
		return ""
	}
	return strings.Join(got, " ")
}

// A configured is the setup with which a vector of config_effects is replayed.
type configured struct {
	broker   transport.Config
	cfg      service.Config
	services []any
	before   func(*amqp.Channel) error
	refused  string // in the error of the start; "" if it starts
}

var autoDeleted = func(ch *amqp.Channel) error {
	return ch.ExchangeDeclare("vec_source.events", "topic", true, true, false, false, nil)
}

func configurations() map[string]configured {
	l := &listener{calls: make(chan delivered, 10)}
	both := []any{&Source{}, &VecSingleton{listener: l}}
	with := func(cfg events.Config, services ...any) []any { return append(services, service.Configure(cfg)) }
	return map[string]configured{
		"auto_delete_event_exchanges": {services: with(events.Config{AutoDelete: true}, both...)},
		"declare_event_exchanges_false_missing": {
			services: with(events.Config{Undeclared: true}, both[1:]...),
			refused:  "binding of queue \"evt-vec_source-singleton_evt\" to exchange \"vec_source.events\" with key \"singleton_evt\": broker: 404",
		},
		"declare_event_exchanges_false_present": {services: with(events.Config{Undeclared: true}, both...), before: func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare("vec_source.events", "topic", true, false, false, false, nil)
		}},
		"heartbeat_rpc_exchange_login": {
			broker: transport.Config{Heartbeat: 10 * time.Second, LoginMethod: "AMQPLAIN"}, cfg: service.Config{MaxWorkers: 3},
			services: []any{&VecEcho{}, service.Configure(rpc.Config{Exchange: "vec-other"})},
		},
		"queue_declare_mismatch": {services: []any{&VecEcho{}}, refused: `queue "rpc-vec_echo": broker: 406`, before: func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("rpc-vec_echo", true, true, false, false, nil)
			return err
		}},
		"event_exchange_mismatch_dispatcher": {services: []any{&Teller{}}, before: autoDeleted, refused: `exchange "vec_source.events": broker: 406`},
		"parent_calls_tracked":               {cfg: service.Config{ParentCallsTracked: 2}, services: []any{&VecA{}, &VecB{}, &VecC{}}},
		"broadcast_reliable_default_identifier": {services: []any{&VecBroadcast{listener: l}},
			refused: "a reliable broadcast needs an identity"},
	}
}

// Teller only dispatches.
type Teller struct {
	_ service.Name `service:"vec_source"`

	Entrypoints struct {
		Tick timer.Interval `timer:"1h"`
	}

	Dispatch events.Dispatcher
}

func (*Teller) Tick(context.Context) error { return nil }

// An effect is a vector with the exit status of the process.
type effect struct {
	brokertest.Vector
	Exited *int `json:"process_exited"`
}

// replayConfigured starts services with keys of the configuration, each on a fresh broker, and
// compares the effects.
func replayConfigured(t *testing.T, found golden.Outcomes) {
	for _, v := range brokertest.VectorsOf[effect](t, "config_effects") {
		brokertest.Each(t, func(t *testing.T, uri string) {
			c := configurations()[v.Name]
			if c.before != nil {
				if err := c.before(brokertest.Channel(t, uri)); err != nil {
					t.Fatal(err)
				}
			}
			p := &process{}
			c.broker.URI = uri
			err := p.run(t, c.cfg, c.broker, c.services...)
			switch {
			case (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused):
				t.Fatalf("%s: got %v, want %q", v.Name, err, c.refused)
			case err != nil && v.Exited == nil:
				found.Note(v.Name, "ended: "+err.Error())
			}
			if v.Name == "parent_calls_tracked" {
				found.Note(v.Name, replayChain(t, uri, p, v.Vector))
				return
			}
			found.Note(v.Name, compare(t, p, v.Vector))
			if v.Name == "heartbeat_rpc_exchange_login" {
				compareLogin(t, p, v.Vector)
			}
		})
	}
}

// compareLogin fails t if p's login or its heartbeats differ from the vector's.
func compareLogin(t *testing.T, p *process, v brokertest.Vector) {
	t.Helper()
	for _, m := range p.tap.Sent(t) {
		got := brokertest.Frame{}
		switch m := m.(type) {
		case *frame.ConnectionStartOk:
			got.Method, got.Args.Mechanism = "connection.start-ok", m.Mechanism
		case *frame.ConnectionTuneOk:
			got.Method, got.Args.Heartbeat = "connection.tune-ok", m.Heartbeat
		default:
			continue
		}
		for _, want := range v.Frames {
			if want.Method == got.Method && (want.Args.Mechanism != got.Args.Mechanism || want.Args.Heartbeat != got.Args.Heartbeat) {
				t.Errorf("%s: got %+v, want %+v", v.Name, got.Args, want.Args)
			}
		}
	}
}

// replayChain makes a call that goes through three services. It fails t unless the requests and the
// event are Nameko's, and returns what gomeko's requests have in addition.
func replayChain(t *testing.T, uri string, p *process, v brokertest.Vector) (extra string) {
	t.Helper()
	if err := caller(t, uri).Client("vec_a").Call(t.Context(), "top", nil, 1); err != nil {
		t.Error(err)
	}
	var got []brokertest.Published
	for _, m := range p.tap.Published(t) {
		if m.Properties["reply_to"] != nil || m.Exchange == "vec_b.events" {
			got = append(got, m)
		}
	}
	for _, want := range v.Messages[1:] {
		if want.Properties["reply_to"] == nil && want.Exchange != "vec_b.events" {
			continue // a reply
		}
		i := slices.IndexFunc(got, func(m brokertest.Published) bool { return m.Key == want.Key })
		if i < 0 {
			t.Errorf("got no message by %s", want.Key)
			continue
		}
		if limit := got[i].Properties["expiration"]; limit != nil {
			extra += fmt.Sprintf("%s: expiration %v\n", want.Key, limit)
			delete(got[i].Properties, "expiration")
		}
		got[i].Equal(t, want)
	}
	return extra
}
