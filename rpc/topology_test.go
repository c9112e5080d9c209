package rpc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/rpc"
)

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

var replyName = regexp.MustCompile(`^rpc\.reply-(front|standalone_rpc_proxy)-([0-9a-f-]{36})$`)

// replyQueue returns the name of the reply queue that m declares, or "" for another method.
func replyQueue(m frame.Method) string {
	if m, ok := m.(*frame.QueueDeclare); ok && replyName.MatchString(m.Queue) {
		return m.Queue
	}
	return ""
}

// TestTopology checks that a process declares what Nameko declares (see docs/wire/nameko.md,
// Names), and in addition only the exchange and the queues for cancelling calls and for calls to
// one instance.
func TestTopology(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, new(Front), new(Echo))
		self := server.Host.Host().Instance()
		var tap tap
		dial(t, uri, rpc.Config{}, &tap)
		expires := frame.Table{{Name: "x-expires", Value: int32(300_000)}}
		cancels := frame.Table{{Name: "x-expires", Value: int32(60_000)}, {Name: "x-max-length", Value: int32(1000)}}
		want := []any{
			frame.ExchangeDeclare{Exchange: "gomeko.control", Type: "topic", Durable: true},
			frame.QueueDeclare{Queue: "gomeko.control-front-<id>", Durable: true, AutoDelete: true, Arguments: cancels},
			frame.QueueBind{Queue: "gomeko.control-front-<id>", Exchange: "gomeko.control", RoutingKey: "cancel.front"},
			frame.QueueBind{Queue: "gomeko.control-front-<id>", Exchange: "gomeko.control", RoutingKey: "cancel.vec_echo"},
			frame.QueueBind{Queue: "gomeko.control-front-<id>", Exchange: "nameko-rpc", RoutingKey: "gomeko.at.front." + self + ".*"},
			frame.QueueBind{Queue: "gomeko.control-front-<id>", Exchange: "nameko-rpc", RoutingKey: "gomeko.at.vec_echo." + self + ".*"},
			frame.BasicConsume{Queue: "gomeko.control-front-<id>"},
			frame.ExchangeDeclare{Exchange: "nameko-rpc", Type: "topic", Durable: true},
			frame.QueueDeclare{Queue: "rpc-vec_echo", Durable: true},
			frame.QueueDeclare{Queue: "rpc-front", Durable: true},
			frame.QueueBind{Queue: "rpc-front", Exchange: "nameko-rpc", RoutingKey: "front.*"},
			frame.QueueBind{Queue: "rpc-vec_echo", Exchange: "nameko-rpc", RoutingKey: "vec_echo.*"},
			frame.BasicQos{PrefetchCount: 10},
			frame.BasicQos{PrefetchCount: 16}, // of cancellations
			frame.QueueDeclare{Queue: "rpc.reply-front-<id>", Durable: true, Arguments: expires},
			frame.QueueBind{Queue: "rpc.reply-front-<id>", Exchange: "nameko-rpc", RoutingKey: "<id>"},
			frame.BasicConsume{Queue: "rpc-front"},
			frame.BasicConsume{Queue: "rpc-vec_echo"},
			frame.BasicConsume{Queue: "rpc.reply-front-<id>"},
			frame.QueueDeclare{Queue: "rpc.reply-standalone_rpc_proxy-<id>", Durable: true, Arguments: expires},
			frame.QueueBind{Queue: "rpc.reply-standalone_rpc_proxy-<id>", Exchange: "nameko-rpc", RoutingKey: "<id>"},
			frame.BasicConsume{Queue: "rpc.reply-standalone_rpc_proxy-<id>"},
		}
		got := slices.Concat(server.tap.Declared(t), tap.Declared(t))
		compare(t, got, want)

		// The broker agrees: to it, Nameko's declarations are the same.
		peer := newPeer(t, uri)
		for _, m := range got {
			q, ok := m.(*frame.QueueDeclare)
			if !ok || strings.HasPrefix(q.Queue, "gomeko.") {
				continue
			}
			var args amqp.Table
			if strings.HasPrefix(q.Queue, "rpc.reply-") {
				args = amqp.Table{"x-expires": int32(300_000)}
			}
			if _, err := peer.ch.QueueDeclare(q.Queue, true, false, false, false, args); err != nil {
				t.Errorf("%s: %v", q.Queue, err)
			}
		}
		if api := os.Getenv("GOMEKO_RABBITMQ_API"); strings.HasSuffix(t.Name(), "/rabbitmq") {
			managed(t, api, path.Base(uri))
		}
	})
}

// managed compares RabbitMQ's management data with what it had for Nameko.
func managed(t *testing.T, api, vhost string) {
	t.Helper()
	type row struct {
		Name        string         `json:"name"`
		Type        string         `json:"type"`
		Durable     bool           `json:"durable"`
		AutoDelete  bool           `json:"auto_delete"`
		Exclusive   bool           `json:"exclusive"`
		Source      string         `json:"source"`
		Destination string         `json:"destination"`
		Key         string         `json:"routing_key"`
		Arguments   map[string]any `json:"arguments"`
	}
	expires := map[string]any{"x-expires": 300000.0}
	want := map[string][]row{
		"exchanges": {{Name: "nameko-rpc", Type: "topic", Durable: true}},
		"queues": {
			{Name: "rpc-front", Type: "classic", Durable: true},
			{Name: "rpc-vec_echo", Type: "classic", Durable: true},
			{Name: "rpc.reply-front-<id>", Type: "classic", Durable: true, Arguments: expires},
			{Name: "rpc.reply-standalone_rpc_proxy-<id>", Type: "classic", Durable: true, Arguments: expires},
		},
		"bindings": {
			{Source: "nameko-rpc", Destination: "rpc-front", Key: "front.*"},
			{Source: "nameko-rpc", Destination: "rpc-vec_echo", Key: "vec_echo.*"},
			{Source: "nameko-rpc", Destination: "rpc.reply-front-<id>", Key: "<id>"},
			{Source: "nameko-rpc", Destination: "rpc.reply-standalone_rpc_proxy-<id>", Key: "<id>"},
		},
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for what, want := range want {
		response, err := client.Get(api + "/api/" + what + "/" + vhost)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var rows []row
		if err := json.NewDecoder(response.Body).Decode(&rows); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			if strings.HasPrefix(r.Name, "rpc") || r.Name == "nameko-rpc" || r.Source != "" && strings.HasPrefix(r.Destination, "rpc") {
				got = append(got, anyID.ReplaceAllString(fmt.Sprintf("%+v", r), "<id>"))
			}
		}
		var wanted []string
		for _, r := range want {
			wanted = append(wanted, fmt.Sprintf("%+v", r))
		}
		slices.Sort(got)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s:\ngot  %v\nwant %v", what, got, wanted)
		}
	}
}

// compare compares what was declared, ignoring order and repetition.
func compare(t *testing.T, got []frame.Method, want []any) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range got {
		seen[describe(m)] = true
	}
	for _, m := range want {
		if d := describe(m); !seen[d] {
			t.Errorf("got no %s", d)
		} else {
			seen[d] = false
		}
	}
	for d, extra := range seen {
		if extra {
			t.Errorf("got %s, want none", d)
		}
	}
}

// describe returns m without values that are new each time, and with its arguments in order.
func describe(m any) string {
	if v := reflect.ValueOf(m); v.Kind() == reflect.Pointer {
		m = v.Elem().Interface()
	}
	if consume, ok := m.(frame.BasicConsume); ok {
		consume.ConsumerTag = ""
		m = consume
	}
	if declare, ok := m.(frame.QueueDeclare); ok {
		declare.Arguments = slices.SortedFunc(slices.Values(declare.Arguments), func(a, b frame.Field) int { return strings.Compare(a.Name, b.Name) })
		m = declare
	}
	return anyID.ReplaceAllString(fmt.Sprintf("%T%+v", m, m), "<id>")
}
