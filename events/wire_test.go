package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// purposes says why vectors are different on purpose, by group.
var purposes = map[string]map[string]string{
	"events": {},
	"transcripts": {
		"source": ours, "msg": ours, "rpcproxy": ours,
		"_shutdown": "each consumer has a channel of its own, so there is more than one to close",
	},
	"config_effects": {
		"auto_delete_event_exchanges": ours, "declare_event_exchanges_false_present": ours, "heartbeat_rpc_exchange_login": ours,
		"declare_event_exchanges_false_missing": "declares the same; the start ends with the broker's refusal and what would be right, where Nameko tries for ever",
		"queue_declare_mismatch":                "declares the same; the start ends with the broker's refusal and what would be right, where Nameko tries for ever",
		"parent_calls_tracked":                  "requests say what is left of their time (expiration); the stacks are equal, and so is the event",
	},
	"topology": {
		"rpc_and_dispatcher": ours, "event_service_pool": ours, "event_singleton": ours, "event_broadcast": ours, "messaging": ours,
		"rpc_proxy": ours, "standalone_proxy": ours, "after_stop": ours + "; and a caller that closes deletes its reply queue, where Nameko's goes five minutes later",
	},
}

// TestWire replays every golden message on events, and every golden topology, on both brokers. It
// writes docs/wire/events.md.
func TestWire(t *testing.T) {
	found := map[string]golden.Outcomes{"events": {}, "transcripts": {}, "config_effects": {}, "topology": {}}
	brokertest.Each(t, func(t *testing.T, uri string) { replayEvents(t, uri, found["events"]) })
	brokertest.Each(t, func(t *testing.T, uri string) { replayTranscripts(t, uri, found["transcripts"]) })
	replayConfigured(t, found["config_effects"])
	replayTopology(t, found["topology"])
	if len(found["topology"]) == 0 {
		t.Skip("the table needs RabbitMQ")
	}
	var rows []golden.Row
	for _, group := range []string{"events", "transcripts", "config_effects", "topology"} {
		var names []string
		for _, v := range brokertest.Vectors(t, group) {
			names = append(names, v.Name)
		}
		rows = append(rows, found[group].Rows(t, group, names, purposes[group])...)
	}
	golden.Table(t, "events", "This page compares gomeko with Nameko:\n\n"+
		"- events: the messages of an `events.Dispatcher`, the handlers that they reach, and their\n"+
		"  acknowledgements\n"+
		"- transcripts: what each kind of service declares and consumes, and how it stops\n"+
		"- config_effects: what keys of the configuration change, and which declarations are refused\n"+
		"- topology: the exchanges, queues and bindings that RabbitMQ has in the end", rows)
}

// A listing is the content of a topology vector, and of RabbitMQ's management API.
type listing struct {
	Name      string           `json:"name"`
	Exchanges []map[string]any `json:"exchanges"`
	Queues    []map[string]any `json:"queues"`
	Bindings  []map[string]any `json:"bindings"`
}

// lines describes each item in a line, with its id replaced. It leaves out what RabbitMQ itself
// declares.
func (l listing) lines() (lines []string, extra string) {
	add := func(what string, row map[string]any, keys ...string) {
		text := what
		for _, key := range keys {
			text += fmt.Sprintf(" %s=%v", key, plain(row[key]))
		}
		if text = id.ReplaceAllString(text, "<id>"); strings.Contains(text, "gomeko.control") {
			extra += text + "\n"
		} else if !strings.Contains(text, "=amq.") {
			lines = append(lines, text)
		}
	}
	for _, e := range l.Exchanges {
		if e["name"] != "" {
			add("exchange", e, "name", "type", "durable", "auto_delete", "internal", "arguments")
		}
	}
	for _, q := range l.Queues {
		add("queue", q, "name", "type", "durable", "auto_delete", "exclusive", "arguments")
	}
	for _, b := range l.Bindings {
		source, destination := first(b, "source_name", "source"), first(b, "destination_name", "destination")
		if source != "" {
			add("binding", map[string]any{"from": source, "to": destination, "key": b["routing_key"], "arguments": b["arguments"]}, "from", "to", "key", "arguments")
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines), extra
}

var id = regexp.MustCompile(`[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}`)

// first returns the value of the first of the keys that exists: rabbitmqctl and the management API
// use different names.
func first(row map[string]any, keys ...string) any {
	for _, key := range keys {
		if row[key] != nil {
			return row[key]
		}
	}
	return nil
}

// plain converts a table of rabbitmqctl to the form of the management API.
func plain(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	table := map[string]any{}
	for _, field := range list {
		triple := field.([]any)
		table[triple[0].(string)] = triple[2]
	}
	return table
}

// replayTopology starts one service after the other, and compares what RabbitMQ has then.
func replayTopology(t *testing.T, found golden.Outcomes) {
	t.Run("topology", func(t *testing.T) {
		uri := brokertest.RabbitMQ(t)
		l := &listener{calls: make(chan delivered, 10)}
		var all []*process
		hosts := func(services ...any) func() {
			return func() {
				for _, s := range services {
					all = append(all, start(t, uri, fixed, s))
				}
			}
		}
		steps := map[string]func(){
			"rpc_and_dispatcher": hosts(&Source{}), "event_service_pool": hosts(&VecPool{listener: l}), "event_singleton": hosts(&VecSingleton{listener: l}),
			"event_broadcast": hosts(&VecBroadcast{listener: l}), "messaging": hosts(&VecMsg{}), "rpc_proxy": hosts(&VecA{}, &VecTimer{}),
			"standalone_proxy": func() { caller(t, uri) },
			"after_stop": func() {
				for _, p := range all {
					if err := p.Stop(t.Context()); err != nil {
						t.Error(err)
					}
				}
			},
		}
		for _, want := range brokertest.VectorsOf[listing](t, "topology") {
			steps[want.Name]()
			got, extra := managed(t, uri).lines()
			wanted, _ := want.lines()
			if want.Name == "after_stop" {
				wanted = slices.DeleteFunc(wanted, func(line string) bool { return strings.Contains(line, "rpc.reply-vec_a-") })
			}
			if !slices.Equal(got, wanted) {
				t.Errorf("%s: got\n%s\nwant\n%s", want.Name, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
			}
			found.Note(want.Name, extra)
		}
	})
}

// managed returns the listing of the virtual host from RabbitMQ's management API.
func managed(t *testing.T, uri string) (l listing) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for what, rows := range map[string]any{"exchanges": &l.Exchanges, "queues": &l.Queues, "bindings": &l.Bindings} {
		response, err := client.Get(os.Getenv("GOMEKO_RABBITMQ_API") + "/api/" + what + "/" + path.Base(uri))
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(response.Body).Decode(rows)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// TestRefusedTopology starts services whose exchange is missing or has other flags: the start fails
// with the remedy (vectors declare_event_exchanges_false_missing,
// event_exchange_mismatch_dispatcher).
func TestRefusedTopology(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ch := brokertest.Channel(t, uri)
		if err := ch.ExchangeDeclare("vec_source.events", "topic", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDeclare("evt-vec_source-singleton_evt", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name    string
			cfg     events.Config
			service any
			want    []string
		}{
			{"other flags of a dispatcher's exchange", events.Config{}, &Source{},
				[]string{`service vec_source: `, `exchange "vec_source.events"`, `406`, `set AUTO_DELETE_EVENT_EXCHANGES: true`}},
			{"other flags of a handler's exchange", events.Config{}, &VecSingleton{},
				[]string{`service vec_singleton`, `exchange "vec_source.events"`, `406`, `set AUTO_DELETE_EVENT_EXCHANGES: true`}},
			{"other flags of the queue", events.Config{AutoDelete: true}, &VecSingleton{},
				[]string{`queue "evt-vec_source-singleton_evt"`, `406`, `declare it with the flags and arguments that it has, or delete it`}},
			{"no exchange", events.Config{Undeclared: true}, &Elsewhere{},
				[]string{`binding of queue "evt-nobody-evt--elsewhere.on_event" to exchange "nobody.events"`, `404`, `declare the queue and the exchange first`}},
		} {
			err := new(process).run(t, service.Config{}, transport.Config{URI: uri}, test.service, service.Configure(test.cfg))
			if err == nil {
				t.Errorf("%s: started", test.name)
				continue
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want %s in it", test.name, err, want)
				}
			}
		}
	})
}

// Elsewhere handles events of a service that was never started.
type Elsewhere struct {
	_ service.Name `service:"elsewhere"`

	Entrypoints struct {
		OnEvent events.Handler `events:"nobody.evt"`
	}
}

func (*Elsewhere) OnEvent(context.Context, any) error { return nil }
