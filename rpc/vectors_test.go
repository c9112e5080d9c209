package rpc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A replay plays a vector with gomeko in place of Nameko, and returns what was different.
type replay func(t *testing.T, v brokertest.Vector) string

// replays are the groups of vectors for calls, each with the function that opens it on a broker.
var replays = []struct {
	group string
	open  func(t *testing.T, uri string) replay
}{
	{"rpc_requests", openCalls},
	{"rpc_results", openCalls},
	{"rpc_errors", openCalls},
	{"rpc_standalone", openCalls},
	{"rpc_context", openCalls},
	{"serializers", openSerializers},
	{"malformed", openMalformed},
	{"lifecycle", openLifecycle},
}

// purposes says, by group, why vectors come out different.
var purposes = map[string]map[string]string{
	"rpc_requests": {"bytes_arg": "Nameko's JSON has no bytes and sends nothing; a `[]byte` is sent as base64"},
	"rpc_results": {
		"ret_bytes":  "Nameko's JSON has no bytes; a `[]byte` is answered as base64",
		"ret_object": "the same error; its text names the Go type",
	},
	"serializers": {
		"msgpack_datetime": "Nameko's msgpack has no times and sends nothing; a `time.Time` is sent as its text in ISO 8601",
		"pickle_int_list":  pickled, "pickle_unicode": pickled, "pickle_dict": pickled, "pickle_big": pickled, "pickle_bytes": pickled,
		"pickle_datetime": pickled, "pickle_error": pickled,
		"yaml_int_list": inYAML, "yaml_unicode": inYAML, "yaml_dict": inYAML, "yaml_big": inYAML, "yaml_bytes": inYAML,
		"yaml_datetime": inYAML, "yaml_error": inYAML,
		"not_accepted_is_acked_and_dropped": unanswered,
	},
	"malformed": {
		"invalid_json": unanswered, "invalid_utf8": unanswered, "content_encoding_utf16": unanswered,
		"content_type_unknown": unanswered, "content_type_text": unanswered, "unknown_compression": unanswered,
		"content_type_charset": "Nameko drops it and its caller waits; we read it as JSON",
		"content_type_missing": "Nameko's process dies of it, and the next one that gets it; we take it for JSON",
		"no_reply_to":          "Nameko's process dies of it when the method has run; we run it and answer nobody",
		"reply_to_empty":       "Nameko publishes a reply that no queue can take; we answer nobody",
		"call_id_stack_string": "Nameko takes the string `abc` for three ids; we take it for one",
	},
	"lifecycle": {
		"sigterm_inflight_two_instances": twice, "sigterm_inflight_8s_two_instances": twice,
		"service_connection_lost_inflight": resumed, "caller_connection_lost_waiting_reply": resumed,
		"sigterm_while_broker_down": "Nameko does not stop while the broker is away; we do",
		"self_call_deadlock":        "Nameko waits for ever; who waits for a call lends its worker here, and the calls return",
	},
}

const (
	pickled    = "a pickle runs what its sender wants: it is refused, in a pickle that Nameko reads"
	inYAML     = "YAML is refused, in YAML"
	twice      = "Nameko runs what is in flight at a stop again in the other instance; we run it once"
	resumed    = "Nameko runs a call again when its connection is lost; here the call that still runs settles the redelivery"
	unanswered = "Nameko drops it and its caller waits; we answer what is wrong"
)

// untried are the vectors that are not replayed, and why not.
var untried = map[string]string{"set_arg": "Go has no sets", "ret_set": "Go has no sets"}

const intro = `What a Go caller sends, and what a Go service replies and sends on, compared with Nameko: exchange,
routing key, the mandatory flag, each property and header with its AMQP type, and the body, as JSON
or byte for byte. Ids differ between runs and are not compared. Calls have no limit, as in Nameko.
For the group lifecycle, the tests compare how often a method ran, how many ran at the same time, and
what its callers received. Each vector is replayed on the embedded broker and on RabbitMQ. Declarations,
and the effects of the configuration, are in [events](events.md).`

// TestVectors replays every vector on both brokers; each comes out equal, or different on purpose.
// It writes the page of the outcomes.
func TestVectors(t *testing.T) {
	found := map[string]golden.Outcomes{}
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, r := range replays {
			if found[r.group] == nil {
				found[r.group] = golden.Outcomes{}
			}
			t.Run(r.group, func(t *testing.T) {
				play := r.open(t, uri)
				for _, v := range brokertest.Vectors(t, r.group) {
					if untried[v.Name] == "" {
						t.Run(v.Name, func(t *testing.T) { found[r.group].Note(v.Name, play(t, v)) })
					}
				}
			})
		}
	})
	var rows []golden.Row
	for _, r := range replays {
		var names []string
		var without []golden.Row
		for _, v := range brokertest.Vectors(t, r.group) {
			if why := untried[v.Name]; why != "" {
				without = append(without, golden.Row{Group: r.group, Vector: v.Name, Untried: why})
			} else {
				names = append(names, v.Name)
			}
		}
		rows = append(append(rows, found[r.group].Rows(t, r.group, names, purposes[r.group])...), without...)
	}
	golden.Table(t, "rpc", intro, rows)
}

// openCalls starts the services from which the vectors were captured, to replay what they received
// and sent.
func openCalls(t *testing.T, uri string) replay {
	unlimited := rpc.Config{Timeout: -1}
	cfg := service.Config{MaxWorkers: 30}
	services := startOn(t, cfg, transport.Config{URI: uri}, new(Echo), new(VecA), new(VecB), new(VecC), new(VecRecurse),
		service.Configure(unlimited))
	peer := newPeer(t, uri)
	var tap tap
	conn := dial(t, uri, unlimited, &tap)
	return func(t *testing.T, v brokertest.Vector) string {
		return lines(called(t, conn, &tap, v), served(t, services, peer, v))
	}
}

// called makes the call of a vector, and compares what was sent and how it ended.
func called(t *testing.T, conn *rpc.Caller, tap *tap, v brokertest.Vector) string {
	t.Helper()
	ctx := service.Key[any]("none").With(t.Context(), nil) // is not sent
	target, method, args := "vec_echo", "echo", calls[v.Name]
	if value, ok := unsendable[v.Name]; ok {
		ctx, method = service.Key[any]("custom").With(ctx, value), "ctxdata"
	}
	var want *brokertest.Message
	if len(v.Messages) > 0 {
		want = &v.Messages[0]
		whole(want)
		target, method, _ = strings.Cut(want.Key, ".")
		for name, value := range want.Headers() {
			if key := strings.TrimPrefix(name, "nameko."); key != "call_id_stack" {
				ctx = service.Key[any](key).With(ctx, value)
			}
		}
		if args == nil {
			args = argsOf(t, want.Content())
		}
	}
	before := len(tap.published(t))
	err := conn.Client(target).Call(ctx, method, nil, args...)
	sent := tap.published(t)[before:]
	switch {
	case want == nil && len(sent) > 0:
		return fmt.Sprintf("got %q sent, want nothing", sent[0].Body)
	case want == nil && err == nil:
		return "got no error"
	case want == nil:
		return ""
	case len(sent) != 1:
		return fmt.Sprintf("got %d messages sent, want 1: %v", len(sent), err)
	}
	return lines(sent[0].Difference(*want), ending(err, v))
}

// ending compares how a call ended with how it ended for Python.
func ending(err error, v brokertest.Vector) string {
	got, want, remote := "no error", "no error", (*rpc.Error)(nil)
	if err != nil {
		got = err.Error()
	}
	if v.Exception != nil {
		want = v.Exception.Text
		if errors.As(err, &remote) {
			got = remote.Value
			if v.Exception.Type == "nameko.exceptions.RemoteError" {
				got = remote.Type + " " + got
			}
			if !strings.HasPrefix(got, "RemoteError ") { // in Go it is the first service's error
				want = strings.ReplaceAll(want, "RemoteError ", "")
			}
		}
	}
	if got != want {
		return fmt.Sprintf("the call: got %s, want %s", got, want)
	}
	return ""
}

// served sends a captured request to our services, and compares everything that they send with what
// Nameko's sent.
func served(t *testing.T, services *process, peer *peer, v brokertest.Vector) string {
	t.Helper()
	wanted := slices.DeleteFunc(slices.Clone(v.Messages), func(m brokertest.Message) bool {
		return m.From == "client" || m.Method != "basic.publish" || m.Exchange != "nameko-rpc" // or an event
	})
	if len(wanted) == 0 {
		return ""
	}
	before := len(services.tap.published(t))
	request := v.Messages[0]
	whole(&request)
	p := request.Publishing()
	replies := peer.bind(p.ReplyTo)
	peer.publish(request.Key, p)
	hosttest.Next(t, replies)
	sent := services.tap.published(t)[before:]
	if len(sent) != len(wanted) {
		return fmt.Sprintf("got %d messages sent, want %d", len(sent), len(wanted))
	}
	var found []string
	for i, want := range wanted {
		whole(&want)
		if v.Name == "call_async" { // its calls overlap: look for the intended one
			same := func(got published) bool { return got.Difference(want) == "" }
			if j := slices.IndexFunc(sent[i:], same); j > 0 {
				sent[i], sent[i+j] = sent[i+j], sent[i]
			}
		}
		found = append(found, sent[i].Difference(want))
	}
	return lines(found...)
}

// whole restores a body that was not stored whole: it is one of the two large ones.
func whole(m *brokertest.Message) {
	const cut = "...(truncated)"
	if m.Length == 0 || !strings.HasSuffix(m.Body, cut) {
		return
	}
	rest := `"], "kwargs": {}}`
	if strings.HasPrefix(m.Body, `{"result"`) {
		rest = `", "error": null}`
	}
	m.Body = strings.TrimSuffix(m.Body, cut)
	m.Body += strings.Repeat("x", m.Length-len(m.Body)-len(rest)) + rest
}

// argsOf returns the arguments in the body of a request.
func argsOf(t *testing.T, body []byte) []any {
	t.Helper()
	var request struct {
		Args   []any          `json:"args"`
		Kwargs map[string]any `json:"kwargs"`
	}
	if err := codec.JSON.Decode(body, &request); err != nil {
		t.Fatal(err)
	}
	var kwargs rpc.Kwargs
	for name, value := range request.Kwargs {
		kwargs = append(kwargs, name, value)
	}
	return append(request.Args, kwargs)
}

// lines joins the texts that are not empty.
func lines(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "\n")
}

// unsendable has the context data of the vectors in which nothing was sent.
var unsendable = map[string]any{"context_type_bigint": new(big.Int).Lsh(big.NewInt(1), 64), "context_type_object": struct{}{}}

// calls are the arguments of captured calls, in Go.
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
	"datetime_naive": {time.Date(2024, 1, 2, 3, 4, 5, 678901000, codec.Naive)}, "datetime_utc": {time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
	"date": {codec.Date{Year: 2024, Month: 1, Day: 2}}, "time": {codec.TimeOfDay{Hour: 3, Minute: 4, Second: 5}},
	"decimal": {codec.Decimal("12.340")}, "uuid": {uuid.MustParse("12345678-1234-5678-1234-567812345678")}, "bytes_arg": {[]byte("\x00\xffraw")},

	"msgpack_int_list": {[]any{1, "two", nil, true, 1.5}}, "msgpack_unicode": {"hé 🚀"},
	"msgpack_dict": {map[string]any{"a": map[string]any{"b": []any{1}}}}, "msgpack_big": {uint64(1 << 63)},
	"msgpack_bytes": {[]byte{0, 0xff}}, "msgpack_error": {"multi"}, "msgpack_datetime": {time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)},
	"reply_follows_request_content_type": {1}, "not_accepted_is_acked_and_dropped": {1},
}
