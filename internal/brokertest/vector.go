package brokertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/frame"
)

// A Vector is a recording of the messages that real Nameko processes sent.
type Vector struct {
	Name      string         `json:"name"`
	Messages  []Message      `json:"messages"`
	Config    map[string]any `json:"config"`
	Frames    []Frame        `json:"frames"`
	Exited    bool           `json:"service_process_exited"`
	Exception *struct {
		Type string `json:"type"`
		Text string `json:"str"`
	} `json:"python_exception"` // as the Python caller received it
}

// A Message is a message of a Vector that was published or returned.
type Message struct {
	Method     string         `json:"method"`
	From       string         `json:"from"`
	Exchange   string         `json:"exchange"`
	Key        string         `json:"routing_key"`
	Mandatory  bool           `json:"mandatory"`
	Properties map[string]any `json:"properties"`
	Types      map[string]any `json:"header_field_types"`
	Body       string         `json:"body_utf8"`
	Binary     []byte         `json:"body_base64"`
	Length     int            `json:"body_length"` // of the full body if Body is truncated
}

// A Frame is a method in a Vector, sent to the broker ("c2s") or by it.
type Frame struct {
	Direction string `json:"dir"`
	Method    string `json:"method"`
	Args      struct {
		Exchange   string         `json:"exchange"`
		Type       string         `json:"type"`
		Queue      string         `json:"queue"`
		Key        string         `json:"routing_key"`
		Durable    bool           `json:"durable"`
		AutoDelete bool           `json:"auto_delete"`
		Exclusive  bool           `json:"exclusive"`
		Arguments  map[string]any `json:"arguments"`
		Mechanism  string         `json:"mechanism"`
		Heartbeat  uint16         `json:"heartbeat"`
		Prefetch   uint16         `json:"prefetch_count"`
	} `json:"args"`
}

// Vectors returns a group of vectors, which is a file in the test's testdata.
func Vectors(t testing.TB, group string) []Vector {
	t.Helper()
	return VectorsOf[Vector](t, group)
}

// VectorsOf returns a group of vectors whose members differ from those of a [Vector].
func VectorsOf[V any](t testing.TB, group string) []V {
	t.Helper()
	data, err := os.ReadFile("testdata/" + group + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []V `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// Content returns the body of m.
func (m Message) Content() []byte { return append([]byte(m.Body), m.Binary...) }

// Publishing returns m in the form of amqp091-go, with typed headers.
func (m Message) Publishing() amqp.Publishing {
	text := func(name string) string { s, _ := m.Properties[name].(string); return s }
	p := amqp.Publishing{
		ContentType: text("content_type"), ContentEncoding: text("content_encoding"),
		CorrelationId: text("correlation_id"), ReplyTo: text("reply_to"), Body: m.Content(),
	}
	if m.Properties["headers"] != nil {
		p.Headers = m.Headers()
	}
	if mode, ok := m.Properties["delivery_mode"].(float64); ok {
		p.DeliveryMode = uint8(mode)
	}
	return p
}

// Headers returns the headers of m with their types.
func (m Message) Headers() amqp.Table {
	headers := amqp.Table{}
	raw, _ := m.Properties["headers"].(map[string]any)
	for name, value := range raw {
		headers[name] = typed(value, m.Types[name])
	}
	return headers
}

// typed returns the value of a header, given its JSON and the letter of its type.
func typed(value, letter any) any {
	if nested, ok := letter.([]any); ok {
		switch nested[0] {
		case "A":
			list := slices.Clone(value.([]any))
			for i, letter := range nested[1].([]any) {
				list[i] = typed(list[i], letter)
			}
			return list
		case "F":
			table := amqp.Table{}
			for name, letter := range nested[1].(map[string]any) {
				table[name] = typed(value.(map[string]any)[name], letter)
			}
			return table
		}
	}
	members, _ := value.(map[string]any)
	number := func(name string) int64 { return int64(members[name].(float64)) }
	switch letter {
	case "I":
		return int32(value.(float64))
	case "L":
		return int64(value.(float64))
	case "T":
		return time.Unix(number("timestamp"), 0)
	case "D":
		return amqp.Decimal{Scale: uint8(number("decimal_scale")), Value: int32(number("decimal_value"))}
	}
	if text, ok := members["base64"].(string); ok {
		data, _ := base64.StdEncoding.DecodeString(text)
		return string(data)
	}
	return value
}

// Equal fails the test if a published message differs from a recorded one, except for ids.
func (got Published) Equal(t testing.TB, want Message) {
	t.Helper()
	if d := got.Difference(want); d != "" {
		t.Error(d)
	}
}

// Difference describes how a published message differs from a recorded one, except for ids and for
// headers that only gomeko sends. It returns "" if they are equal.
func (got Published) Difference(want Message) string {
	var found []string
	headers, _ := got.Properties["headers"].(map[string]any)
	for _, table := range []map[string]any{headers, got.Types} {
		maps.DeleteFunc(table, func(name string, _ any) bool { return strings.HasPrefix(name, "gomeko.") })
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
		if g, w := marshalled(c.got), marshalled(c.want); g != w {
			found = append(found, fmt.Sprintf("%s: got %s, want %s", c.what, g, w))
		}
	}
	if body := want.Content(); !SameBody(got.Body, body) {
		found = append(found, fmt.Sprintf("body: got %.2000q, want %.2000q", got.Body, body))
	}
	return strings.Join(found, "\n")
}

// marshalled returns v as JSON without ids, with sorted maps and uniform numbers.
func marshalled(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return id.ReplaceAllString(string(data), "<id>")
}

// id matches the parts that differ from run to run.
var id = regexp.MustCompile(`[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}`)

// SameBody compares two bodies: as JSON without ids if they are JSON, otherwise byte by byte. 2 and
// 2.0 differ; objects whose first keys differ are different, too.
func SameBody(got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	got, want = id.ReplaceAll(got, []byte("<id>")), id.ReplaceAll(want, []byte("<id>"))
	g, gotErr := numbered(got)
	w, wantErr := numbered(want)
	return gotErr == nil && wantErr == nil && reflect.DeepEqual(g, w) && string(firstKey.Find(got)) == string(firstKey.Find(want))
}

var (
	firstKey = regexp.MustCompile(`^{"[^"]*"`)
	odd      = regexp.MustCompile(`(-?Infinity|NaN)|"\\(ud83d)"`) // written by Python, not read by encoding/json
)

// numbered decodes JSON such that 2 and 2.0 differ, but 1e+16 and 1e16 do not.
func numbered(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(odd.ReplaceAll(body, []byte(`"odd: $1$2"`))))
	d.UseNumber()
	err = d.Decode(&v)
	return floats(v), err
}

// floats replaces the floats in v by their values.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := v.Float64()
			return f
		}
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = floats(v[k])
		}
	}
	return v
}

// Declarations returns the declarations, bindings and consumers of a vector, each once, as a line
// without ids.
func (v Vector) Declarations() map[string]bool {
	lines := map[string]bool{}
	for _, f := range v.Frames {
		if f.Direction != "c2s" {
			continue
		}
		a := f.Args
		switch f.Method {
		case "exchange.declare":
			lines[line(f.Method, a.Exchange, a.Type, flag(a.Durable, "durable"), flag(a.AutoDelete, "auto_delete"))] = true
		case "queue.declare":
			lines[line(f.Method, a.Queue, flag(a.Durable, "durable"), flag(a.AutoDelete, "auto_delete"), flag(a.Exclusive, "exclusive"), marshalled(a.Arguments))] = true
		case "queue.bind":
			lines[line(f.Method, a.Queue, a.Exchange, a.Key)] = true
		case "basic.qos":
			lines[line(f.Method, fmt.Sprint(a.Prefetch))] = true
		case "basic.consume":
			lines[line(f.Method, a.Queue)] = true
		}
	}
	return lines
}

// Declarations is like [Vector.Declarations], for the methods that the tap has recorded.
func (p *Tap) Declarations(t testing.TB) map[string]bool {
	t.Helper()
	lines := map[string]bool{}
	for _, m := range p.Declared(t) {
		switch m := m.(type) {
		case *frame.ExchangeDeclare:
			lines[line("exchange.declare", m.Exchange, m.Type, flag(m.Durable, "durable"), flag(m.AutoDelete, "auto_delete"))] = true
		case *frame.QueueDeclare:
			lines[line("queue.declare", m.Queue, flag(m.Durable, "durable"), flag(m.AutoDelete, "auto_delete"), flag(m.Exclusive, "exclusive"), marshalled(arguments(m.Arguments)))] = true
		case *frame.QueueBind:
			lines[line("queue.bind", m.Queue, m.Exchange, m.RoutingKey)] = true
		case *frame.BasicQos:
			lines[line("basic.qos", fmt.Sprint(m.PrefetchCount))] = true
		case *frame.BasicConsume:
			lines[line("basic.consume", m.Queue)] = true
		}
	}
	return lines
}

func arguments(table frame.Table) map[string]any {
	args := map[string]any{}
	for _, f := range table {
		args[f.Name] = f.Value
	}
	return args
}

func line(words ...string) string {
	return id.ReplaceAllString(strings.Join(strings.Fields(strings.Join(words, " ")), " "), "<id>")
}

func flag(on bool, name string) string {
	if on {
		return name
	}
	return ""
}
