//go:build unix

package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A program describes its services without starting them, for people and as JSON.
func TestDescribeOwn(t *testing.T) {
	opts := []fx.Option{service.Provide(new(Clock)), service.Provide(new(Torch))}
	for _, test := range []struct {
		args   []string
		status int
		stdout []string
		stderr string
	}{
		{[]string{"describe"}, 0, []string{"clock\n", "rpc now()\n", "returns", "integer\n", "torch\n", "runner burn()\n"}, ""},
		{[]string{"describe", "clock.Now"}, 0, []string{"rpc now()\n"}, ""},
		{[]string{"describe", "clock.nwo"}, 2, nil, "service clock has no method nwo: did you mean now?"},
		{[]string{"describe", "clok.now"}, 2, nil, "this program has no service clok: did you mean clock?"},
		{[]string{"describe", "x"}, 2, nil, "this program has no service x: it has clock, torch"},
		{[]string{"describe", "a", "b"}, 2, nil, "accepts at most 1 arg"},
	} {
		out := new(output)
		status, stdout := execute(t, out, opts, test.args...)
		if status != test.status || !strings.Contains(out.String(), test.stderr) {
			t.Errorf("%v: got %d\n%s", test.args, status, out)
		}
		for _, want := range test.stdout {
			if !strings.Contains(stdout, want) {
				t.Errorf("%v: got\n%swithout %q", test.args, stdout, want)
			}
		}
	}
	status, stdout := execute(t, new(output), opts, "describe", "--json", "clock")
	var d contract.Document
	if err := json.Unmarshal([]byte(stdout), &d); status != 0 || err != nil || d.Document != contract.Version || d.Service != "clock" {
		t.Errorf("got %d, %v\n%s", status, err, stdout)
	}
}

// A running service is described by one of its processes.
func TestDescribeRunning(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Clock), service.Configure(fleet.Control(fleet.ControlConfig{Version: "v1.2.3"})))
	for _, test := range []struct {
		word   string
		status int
		want   string // in what is printed
	}{
		{"clock", 0, "clock v1.2.3\n\nrpc now()\n"},
		{"clock.now", 0, "clock v1.2.3\n\nrpc now()\n"},
		{"clock.nwo", 1, "service clock has no method nwo: did you mean now?"},
		{"clok", 1, "service clok: cannot be described: no process of it runs: did you mean clock?"},
		{"folder", 1, "no process of it runs: these services run: clock; to describe the folder, write ./folder"},
		{"clok.now", 1, "service clok: cannot be described: no process of it runs: did you mean clock?"},
	} {
		out := new(output)
		var results strings.Builder
		c := &command{in: os.Stdin, out: &results, err: out}
		status := c.execute(c.gomeko(), []string{"describe", test.word, "--broker", uri, "--timeout", "300ms"})
		if printed := results.String() + out.String(); status != test.status || !strings.Contains(printed, test.want) {
			t.Errorf("%s: got %d\n%s\nwant in it %q", test.word, status, printed, test.want)
		}
	}
}

// A main package is only run if it calls Main.
func TestCallsMain(t *testing.T) {
	for source, want := range map[string]bool{
		`import "github.com/gomeko/gomeko/runner"; func main() { runner.Main() }`:        true,
		`import r "github.com/gomeko/gomeko/runner"; var start = r.Main; func main() {}`: true,
		`import "github.com/gomeko/gomeko/runner"; func main() { runner.Run(nil, nil) }`: false,
		`import runner "other"; func main() { runner.Main() }`:                           false,
		`func main() { ) }`: true,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main; "+source), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &found{Dir: dir, GoFiles: []string{"main.go"}}
		if got := p.callsMain(); got != want {
			t.Errorf("%s: got %t, want %t", source, got, want)
		}
	}
}
