package brokertest

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/frame"
)

// A Vector is what real Nameko processes sent, as it was captured.
type Vector struct {
	Name     string         `json:"name"`
	Messages []Message      `json:"messages"`
	Config   map[string]any `json:"config"`
	Frames   []Frame        `json:"frames"`
}

// A Message of a Vector is one that was published.
type Message struct {
	From       string         `json:"from"`
	Exchange   string         `json:"exchange"`
	Key        string         `json:"routing_key"`
	Mandatory  bool           `json:"mandatory"`
	Properties map[string]any `json:"properties"`
	Types      map[string]any `json:"header_field_types"`
	Body       string         `json:"body_utf8"`
}

// A Frame of a Vector is a method, to the broker ("c2s") or from it.
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
	} `json:"args"`
}

// Vectors returns a group of vectors, which is a file of the test's testdata.
func Vectors(t testing.TB, group string) []Vector {
	t.Helper()
	data, err := os.ReadFile("testdata/" + group + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []Vector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// id is what differs from run to run.
var id = regexp.MustCompile(`[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}`)

// Equal compares a published message with a captured one, in all but the ids.
func (got Published) Equal(t testing.TB, want Message) {
	t.Helper()
	plain := func(v any) string {
		data, err := json.Marshal(v) // maps in order, numbers alike
		if err != nil {
			t.Fatal(err)
		}
		return id.ReplaceAllString(string(data), "<id>")
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
	if !reflect.DeepEqual(numbered(t, got.Body), numbered(t, []byte(want.Body))) {
		t.Errorf("body: got %s, want %s", got.Body, want.Body)
	}
}

// numbered decodes JSON in which 2 and 2.0 differ.
func numbered(t testing.TB, body []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return v
}

// Declarations returns the declarations and bindings of a vector, each once, as a line whose ids are left out.
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
			lines[line(f.Method, a.Queue, flag(a.Durable, "durable"), flag(a.AutoDelete, "auto_delete"), flag(a.Exclusive, "exclusive"))] = true
		case "queue.bind":
			lines[line(f.Method, a.Queue, a.Exchange, a.Key)] = true
		}
	}
	return lines
}

// Declarations returns what [Vector.Declarations] does, of what went through the tap.
func (p *Tap) Declarations(t testing.TB) map[string]bool {
	t.Helper()
	lines := map[string]bool{}
	for _, m := range p.Declared(t) {
		switch m := m.(type) {
		case *frame.ExchangeDeclare:
			lines[line("exchange.declare", m.Exchange, m.Type, flag(m.Durable, "durable"), flag(m.AutoDelete, "auto_delete"))] = true
		case *frame.QueueDeclare:
			lines[line("queue.declare", m.Queue, flag(m.Durable, "durable"), flag(m.AutoDelete, "auto_delete"), flag(m.Exclusive, "exclusive"))] = true
		case *frame.QueueBind:
			lines[line("queue.bind", m.Queue, m.Exchange, m.RoutingKey)] = true
		}
	}
	return lines
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
