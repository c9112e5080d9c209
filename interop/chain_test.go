package interop_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// The context data of a caller, in Nameko's own keys and in others.
var contextData = dict{
	"language": "fr", "user_id": "7", "user_agent": "curl/8", "auth_token": "é 🚀",
	"currency": "EUR", "a.b": "dotted", "number": -7, "large": 1 << 40, "float": 2.5, "bool": true,
	"list": list("x", 1, list(2)), "dict": dict{"k": dict{"d": "v"}},
}

// withContext returns a ctx of Go's that carries context data.
func withContext(ctx context.Context, data dict) context.Context {
	for name, value := range data {
		ctx = service.Key[any](name).With(ctx, value)
	}
	return ctx
}

// chain has calls go through services in both languages, and each tell what it knows of those
// before it. Eight stops are more than the four parents that both track.
func (f *fixture) chain(t *testing.T) {
	const stops = 8
	through := func(names ...string) []string { return slices.Repeat(names, stops)[:stops] }
	python := func(path []string) (told []stop) {
		c := call{Service: path[0], Method: "hop", Args: list(path[1:]), Context: contextData}
		if err := codec.JSON.Decode([]byte(f.python.call(t, c)[0].JSON), &told); err != nil {
			t.Fatal(err)
		}
		return told
	}
	goFrom := func(ctx context.Context, path []string) (told []stop) {
		if err := f.caller.Client(path[0]).Call(withContext(ctx, contextData), "hop", &told, path[1:]); err != nil {
			t.Fatal(err)
		}
		return told
	}
	golang := func(path []string) []stop { return goFrom(t.Context(), path) }
	granted := func(path []string) []stop { return goFrom(grant.With(t.Context(), "eyJ.of.ann"), path) } // only the first one has it
	path := through("python_peer")
	want := places(t, path, python(path))
	for _, test := range []struct {
		name string
		path []string
		call func([]string) []stop
	}{
		{"from Python, by Python and Go", through("python_peer", "go_peer"), python},
		{"from Python, by Go and Python", through("go_peer", "python_peer"), python},
		{"from Go, by Python and Go", through("python_peer", "go_peer"), golang},
		{"from Go, by Go and Python", through("go_peer", "python_peer"), golang},
		{"from Go, by Go", through("go_peer"), golang},
		{"from Go with a grant, by Go and Python", through("go_peer", "python_peer"), granted},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := places(t, test.path, test.call(test.path))
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("at stop %d: got %s\nwant, as Nameko does it, %s", i+1, got[i], want[i])
				}
			}
		})
	}
}

// places returns what the stops of a path have told, as JSON, with numbers of stops in place of
// their call ids.
func places(t *testing.T, path []string, told []stop) (texts []string) {
	t.Helper()
	if len(told) != len(path) {
		t.Fatalf("got %d stops told, want %d", len(told), len(path))
	}
	numbers := map[string]string{}
	for i := range told {
		stack := told[i].Stack
		own := stack[len(stack)-1]
		if !strings.HasPrefix(own, path[i]+".hop.") {
			t.Errorf("at stop %d: got call id %s, want one of %s.hop", i+1, own, path[i])
		}
		numbers[own] = fmt.Sprint(i + 1)
		for j, id := range stack {
			if stack[j] = numbers[id]; stack[j] == "" {
				stack[j] = "caller"
			}
		}
		text, err := codec.JSON.Encode(told[i])
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// event has each peer announce something while it is called from Go, directly and by way of the
// other: what Nameko's handler gets, and what goes over the wire, is what it is when Python calls
// Python. There is nothing of ours in it.
func (f *fixture) event(t *testing.T) {
	data := dict{"language": "fr", "currency": "EUR"}
	heard := func(from, by string, announce func()) (stop, string) {
		wire := brokertest.Bind(t, f.raw, from+".events", "announced")
		announce()
		message := hosttest.Next(t, wire)
		var told stop
		if err := f.caller.Client("audience").Call(t.Context(), "heard", &told); err != nil {
			t.Fatal(err)
		}
		for i, id := range told.Stack {
			told.Stack[i] = id[:strings.LastIndex(id, ".")] // without the UUID
		}
		stack, _ := message.Headers["nameko.call_id_stack"].([]any)
		if want := len(told.Stack) - 1; len(stack) != want {
			t.Errorf("%s: got the call ids %v sent, want %d", by, stack, want)
		}
		message.Headers["nameko.call_id_stack"] = len(stack)
		return told, properties(message)
	}
	for _, test := range []struct {
		name string
		path []string // that the call goes, in Python's names
	}{
		{"directly", nil},
		{"over another service", []string{"other"}},
		{"over two", peers(2)},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := row{call: call{Method: "announce", Args: list(7), Context: data}}
			if test.path != nil {
				r.call = call{Method: "relay", Args: list(test.path, "announce", list(7)), Context: data}
			}
			last := func(peer, other string) string { return []string{peer, other}[len(test.path)%2] }
			want, wantWire := heard("python_peer", "Python", func() { f.python.call(t, r.to("python_peer", "python_peer")) })
			for _, peers := range [][2]string{{"go_peer", "python_peer"}, {"python_peer", "go_peer"}} {
				ctx := rpc.With(withContext(t.Context(), data), rpc.Timeout(hosttest.Timeout), rpc.Priority(1))
				c := r.to(peers[0], peers[1])
				got, gotWire := heard(last(peers[0], peers[1]), "Go", func() {
					if err := f.caller.Client(c.Service).Call(ctx, c.Method, nil, c.Args...); err != nil {
						t.Fatal(err)
					}
				})
				if gotWire != wantWire {
					t.Errorf("%v: got %s sent\nwant, as Nameko sends it, %s", peers, gotWire, wantWire)
				}
				if !maps.Equal(got.Data, want.Data) {
					t.Errorf("%v: got the context data %v, want %v", peers, got.Data, want.Data)
				}
				if got, want := anonymous(got.Stack), anonymous(want.Stack); got != want {
					t.Errorf("%v: got the call ids %s, want %s", peers, got, want)
				}
			}
		})
	}
}

// anonymous returns call ids as text, without who of them is in which language.
func anonymous(stack []string) string {
	return strings.NewReplacer("go_", "", "on_go", "", "python_", "", "on_python", "").Replace(strings.Join(stack, " "))
}
