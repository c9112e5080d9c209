package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// hostile clears a terminal, sets its title, reverses the following text, and begins a line.
const hostile = "a\x1b[2J\x1b]0;owned\a\u009b31m\u202eb\nwarning: faked\x7f"

// rogue answers with hostile text.
type rogue struct {
	_ service.Name `service:"rogue"`

	Entrypoints struct {
		Text rpc.Method `rpc:"text()"`
		Fail rpc.Method `rpc:"fail()"`
	}
}

func (*rogue) Text(context.Context) (map[string]string, error) {
	return map[string]string{hostile: hostile}, nil
}

func (*rogue) Fail(context.Context) error { return errors.New(hostile) }

// printed checks that the output of a command cannot control a terminal, and that no line begins
// with text from elsewhere.
func printed(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("got %q in %q", r, text)
		}
	}
	if strings.Contains(text, "\nwarning: faked") {
		t.Errorf("got a line of another in %q", text)
	}
}

// What services and brokers send is printed escaped in every command. JSON stays JSON.
func TestEscapes(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(rogue))
	run := func(stdin string, args ...string) (stdout, stderr string) {
		t.Helper()
		p := start(t, "", stdin, args...)
		p.Wait()
		printed(t, p.Stdout())
		printed(t, p.Stderr())
		return p.Stdout(), p.Stderr()
	}
	out, _ := run("", "call", "rogue.text", "--broker", uri)
	var result map[string]string
	if err := json.Unmarshal([]byte(out), &result); err != nil || result[hostile] != hostile {
		t.Errorf("got %v, %v from %s, want the same text", result, err, out)
	}
	const want = `a\x1b[2J\x1b]0;owned\x07\u009b31m\u202eb\nwarning: faked\x7f`
	if _, err := run("", "call", "rogue.fail", "--broker", uri); !strings.Contains(err, want) {
		t.Errorf("got %q, want %s in it", err, want)
	}
	if _, err := run("n.rpc.rogue.fail()", "shell", "--broker", uri); !strings.Contains(err, "stdin:1: ") || !strings.Contains(err, want) {
		t.Errorf("got %q, want %s in it", err, want)
	}
	if out, _ := run("print([n.rpc.rogue.text()])", "shell", "--broker", uri); !strings.Contains(out, `a\x1b[2J`) {
		t.Errorf("got %q", out)
	}
	for _, args := range [][]string{
		{"call", "rogue.no" + "\x1b[2J", "--broker", uri}, {hostile}, {"call", hostile, "--broker", uri}, {"call", "a.b", "--broker", "amqp://" + "x\x1b[2J"},
		{"shell", "/no" + "\x1b[2J"}, {"call", "a.b", "--config", "/no\x1b[2J"}, {"--\x1b[2J"}, {"run", "./no\x1b[2J"}, {"call", "a.b", "--log-format", "\x1b[2J"},
	} {
		run("", args...)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("text: \"a\\e[2J\\u202eb\\u009b\"\n\"\\e[1m\": 1\nmax_wokers: \"\\e[2J\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("", "show-config", "--config", file)
}

// The names of queues, consumers and connections cannot imitate rows of broker status.
func TestStatusEscapes(t *testing.T) {
	t.Parallel()
	const row = "x\n/  faked  classic  running  0  0  0\x1b[2J"
	name, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := string(name)
		_, _ = w.Write([]byte(map[string]string{
			"/api/overview":    `{"product_name":` + n + `,"rabbitmq_version":` + n + `,"node":` + n + `}`,
			"/api/queues":      `[{"vhost":` + n + `,"name":` + n + `,"type":` + n + `,"state":` + n + `}]`,
			"/api/connections": `[{"vhost":` + n + `,"name":` + n + `,"user":` + n + `,"state":` + n + `,"user_provided_name":` + n + `}]`,
			"/api/consumers":   `[{"consumer_tag":` + n + `,"queue":{"name":` + n + `,"vhost":` + n + `},"channel_details":{"name":` + n + `}}]`,
		}[r.URL.Path]))
	}))
	defer server.Close()
	p := start(t, "", "", "broker", "status", "--management", server.URL)
	if got := p.Wait(); got != 0 {
		t.Errorf("got exit status %d: %s", got, p.Stderr())
	}
	printed(t, p.Stdout())
	if got := p.Stdout(); strings.Contains(got, "\n/  faked") || strings.Count(got, "\n") != 13 || !strings.Contains(got, `x\n/  faked  classic`) {
		t.Errorf("got\n%s\nwant no faked row", got)
	}
}
