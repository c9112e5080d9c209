package rpc_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// A vector is what real Nameko processes sent to each other.
type vector struct {
	Name     string    `json:"name"`
	Messages []message `json:"messages"`
	GotReply bool      `json:"got_reply"`
}

type message struct {
	Method     string         `json:"method"`
	From       string         `json:"from"`
	Exchange   string         `json:"exchange"`
	Key        string         `json:"routing_key"`
	Mandatory  bool           `json:"mandatory"`
	Properties map[string]any `json:"properties"`
	Types      map[string]any `json:"header_field_types"`
	UTF8       *string        `json:"body_utf8"`
	Base64     string         `json:"body_base64"`
}

func (m message) body(t *testing.T) []byte {
	if m.UTF8 != nil {
		return []byte(*m.UTF8)
	}
	body, err := base64.StdEncoding.DecodeString(m.Base64)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// publishing returns m as a peer sends it.
func (m message) publishing(t *testing.T) amqp.Publishing {
	text := func(name string) string { s, _ := m.Properties[name].(string); return s }
	p := amqp.Publishing{
		ContentType: text("content_type"), ContentEncoding: text("content_encoding"),
		CorrelationId: text("correlation_id"), ReplyTo: text("reply_to"), Body: m.body(t),
	}
	if m.Properties["headers"] != nil {
		p.Headers = m.headers()
	}
	if mode, ok := m.Properties["delivery_mode"].(float64); ok {
		p.DeliveryMode = uint8(mode)
	}
	return p
}

func load(t *testing.T, name string) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// The vectors that are not run, and why.
var skipped = map[string]string{
	"bytes_arg": unsent, "set_arg": unsent, "large_100k": cut, "large_300k": cut,
	"ret_bytes": python, "ret_set": python, "ret_object": python,
	"raise_bad_str": python, "raise_os_error": python, "raise_stop_iteration": python,
	"user_raises_UnknownService": python, "user_raises_UnserializableValueError": python, "user_raises_RemoteError": python,
}

const (
	unsent = "nothing was sent: see TestUnsendable"
	cut    = "its body is not whole: see TestLarge"
	python = "it is about a value or class that only Python has"
)

// What a Go service sends for a captured request is what Nameko's sent.
func TestServerVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		for _, group := range []string{"rpc_requests", "rpc_results", "rpc_standalone", "rpc_errors"} {
			for _, v := range load(t, group) {
				if skipped[v.Name] != "" || v.Messages[1].From != "service" {
					continue
				}
				t.Run(v.Name, func(t *testing.T) {
					request, want := v.Messages[0], v.Messages[1]
					replies := peer.bind(want.Key)
					peer.publish(request.Key, request.publishing(t))
					next(t, replies)
					sent := server.tap.published(t)
					equal(t, sent[len(sent)-1], want)
				})
			}
		}
	})
}

// What a Go program sends for a call is what Nameko's sent for the same.
func TestClientVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		var tap tap
		conn := dial(t, uri, rpc.Config{}, &tap)
		for _, group := range []string{"rpc_requests", "rpc_standalone"} {
			for _, v := range load(t, group) {
				args, ok := calls[v.Name]
				if skipped[v.Name] != "" {
					continue
				}
				t.Run(v.Name, func(t *testing.T) {
					if !ok {
						t.Fatal("the test has no call for it")
					}
					want := v.Messages[0]
					service, method, _ := strings.Cut(want.Key, ".")
					if err := conn.Client(service).Call(t.Context(), method, nil, args...); err != nil {
						t.Error(err)
					}
					sent := tap.published(t)
					got := sent[len(sent)-1]
					if ms, err := strconv.Atoi(fmt.Sprint(got.Properties["expiration"])); err != nil || ms < 1 || ms > 30000 {
						t.Errorf("got expiration %v, want what is left of 30 s", got.Properties["expiration"])
					}
					delete(got.Properties, "expiration") // Nameko sets no limit
					equal(t, got, want)
				})
			}
		}
	})
}

// calls are the arguments of the captured calls, in Go.
var calls = map[string][]any{
	"no_args": {}, "args_only": {1, "two", 3.5}, "kwargs_only": {rpc.Kwargs{"a", 1, "b", "two", "c", 3.5}},
	"mixed": {1, rpc.Kwargs{"b", "two"}}, "varargs": {1, 2, rpc.Kwargs{"x", 3, "y", []int{4}}}, "kwonly": {1},
	"unicode":       {"héllo 世界 🚀", rpc.Kwargs{"clé", "ש"}},
	"control_chars": {"tab\tnl\nquote\"back\\slash/ nul\x00 del\x7f"}, "html_chars": {"<a href='x'>&amp;</a>"},
	"u2028": {"\u2028\u2029"}, "none": {nil}, "true": {true}, "false": {false},
	"nested":  {map[string]any{"a": []any{1, map[string]any{"b": []any{nil, true, map[string]any{"c": []int{}}}}}, "d": struct{}{}}},
	"int_neg": {-1}, "int_53": {1<<53 + 1}, "int_63": {int64(1<<63 - 1)}, "int_64": {new(big.Int).Lsh(big.NewInt(1), 64)},
	"bigint": {json.Number("1000000000000000000000000000000")}, "float": {1.5}, "float_whole": {2.0}, "float_exp": {1e300},
	"float_small": {1e-07}, "float_1e16": {1e16}, "float_neg_zero": {json.Number("-0.0")}, "tuple": {[2]int{1, 2}},
	"int_keys": {map[string]string{"1": "t", "2.5": "x", "null": "n"}}, "kwarg_named_args": {1, rpc.Kwargs{"args", 2, "kwargs", 3}},
	"nan": {math.NaN()}, "inf": {math.Inf(1)}, "neg_inf": {math.Inf(-1)}, "lone_surrogate": {"\xed\xa0\xbd"},
	"datetime_naive": {time.Date(2024, 1, 2, 3, 4, 5, 678901000, transport.Naive)}, "datetime_utc": {time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
	"date": {transport.Date{Year: 2024, Month: 1, Day: 2}}, "time": {transport.TimeOfDay{Hour: 3, Minute: 4, Second: 5}},
	"decimal": {transport.Decimal("12.340")}, "uuid": {uuid.MustParse("12345678-1234-5678-1234-567812345678")},
	"service_rpc_proxy": {1}, "service_rpc_proxy_second": {2}, "timeout_ok": {"in time"},
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// equal compares a published message with a captured one, in all but the ids.
func equal(t *testing.T, got published, want message) {
	t.Helper()
	plain := func(v any) string { // as JSON: maps in order, numbers alike
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return anyID.ReplaceAllString(string(data), "<id>")
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"exchange", got.Exchange, want.Exchange},
		{"key", got.Key, want.Key},
		{"mandatory", got.Mandatory, want.Mandatory},
		{"properties", got.Properties, want.Properties},
		{"header types", got.Types, want.Types},
	} {
		if plain(c.got) != plain(c.want) {
			t.Errorf("%s: got %s, want %s", c.what, plain(c.got), plain(c.want))
		}
	}
	equalJSON(t, got.Body, want.body(t))
}

// equalJSON compares two bodies as JSON values: 2 and 2.0 differ, and so do objects whose first keys do.
func equalJSON(t *testing.T, got, want []byte) {
	t.Helper()
	got, want = anyID.ReplaceAll(got, []byte("<id>")), anyID.ReplaceAll(want, []byte("<id>"))
	if !reflect.DeepEqual(decoded(t, got), decoded(t, want)) {
		t.Errorf("body: got %s, want %s", got, want)
	}
	key := func(body []byte) string { return strings.Split(string(body), `"`)[1] }
	if key(got) != key(want) {
		t.Errorf("first key of the body: got %s, want %s", key(got), key(want))
	}
}

// odd is what encoding/json does not know.
var odd = regexp.MustCompile(`(-?Infinity|NaN)|"\\(ud83d)"`)

func decoded(t *testing.T, body []byte) any {
	t.Helper()
	body = odd.ReplaceAll(body, []byte(`"odd: $1$2"`))
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return numbers(v)
}

// numbers replaces the floats in v by their value: 1e+16 and 1e16 are the same.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := v.Float64()
			return f
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}
