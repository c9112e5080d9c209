package main_test

import (
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

const julio = `print(n.rpc.greeting_service.hello(name="Julio"))`

// TestHelloWorld follows the first steps of a new user, without a broker.
func TestHelloWorld(t *testing.T) {
	if l, err := net.Listen("tcp", "127.0.0.1:5672"); err == nil {
		l.Close()
	} else {
		hosttest.Missing(t, "this test needs port 5672: "+err.Error())
	}
	p := start(t, "../..", "", "run", "./examples/helloworld")
	p.Line("building ./examples/helloworld")
	p.Line("no broker is named and none listens on 127.0.0.1:5672: starting the embedded one")
	p.Line("embedded broker on 127.0.0.1:5672, in memory: messages are gone when it stops")
	p.Line("starting services: greeting_service")
	p.Line("Connected to amqp://guest:**@127.0.0.1:5672//")

	check(t, julio, []string{"shell"}, 0, "Hello, Julio!\n")
	check(t, "n.rpc.nobody.hello()\nprint(1)", []string{"shell"}, 1, "", "stdin:1: UnknownService: Unknown service `nobody`")
	check(t, "", []string{"call", "greeting_service.hello", "name=Julio"}, 0, "\"Hello, Julio!\"\n")
	check(t, "", []string{"call", "nobody.hello"}, 1, "", "UnknownService: Unknown service `nobody`")

	p.Signal(syscall.SIGINT)
	if got := p.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0", got)
	}
	p.Line("stopping services: greeting_service")
	p.Line("embedded broker stopped")
}

// sensors returns numbers that JSON cannot hold.
type sensors struct {
	_ service.Name `service:"sensors"`

	Entrypoints struct {
		Limits rpc.Method `rpc:"limits()"`
	}
}

func (*sensors) Limits(context.Context) (map[string]any, error) {
	return map[string]any{"a": []float64{math.Inf(1), math.NaN()}, "b": "<&>"}, nil
}

// A result with NaN and the infinities is printed as Python writes it.
func TestNotFinite(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(sensors))
	check(t, "", []string{"call", "sensors.limits", "--broker", uri}, 0, `{"a":[Infinity,NaN],"b":"<&>"}`+"\n")
	check(t, "print(n.rpc.sensors.limits())", []string{"shell", "--broker", uri}, 0, "{'a': [inf, nan], 'b': '<&>'}\n")
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	nowhere := hosttest.FreeAddress(t)
	alone := file("alone.yaml", "AMQP_URI: ${GOMEKO_NOT_SET}\n")
	good := file("good.yaml", "AMQP_URI: amqp://me:${GOMEKO_NOT_SET:pass}@"+nowhere+"/\nMAX_WORKERS: 5\n")
	bad := file("bad.yaml", "max_workers: x\ngomeko: {grase: 5}\n")
	secure := file("secure.yaml", "AMQP_URI: pyamqp://me:secret@"+nowhere+"/\nAMQP_SSL: {ca_certs: nosuch.pem}\n")
	for _, test := range []struct {
		args   string
		status int
		stdout string
		stderr []string
	}{
		{"--version", 0, "gomeko", nil},
		{"nonsense", 2, "", []string{`unknown command "nonsense"`, "see gomeko --help"}},
		{"run", 2, "", []string{"run: what? Name a folder or an import path, as in gomeko run ./orders, or gomeko run . for this folder\nsee gomeko run --help"}},
		{"call", 2, "", []string{"call: which method? Name it as in gomeko call greeting_service.hello name=Julio\nsee gomeko call --help"}},
		{"shell --log-format x", 2, "", []string{"--log-format x: must be text or json"}},
		{"shell --log-level trace", 2, "", []string{`invalid argument "trace" for "--log-level" flag: must be debug, info, warn or error` + "\n"}},
		{"shell --nope", 2, "", []string{"unknown flag: --nope"}},
		{"shell --broker embedded", 2, "", []string{"an embedded broker has none"}},
		{"call hello", 2, "", []string{`"hello": must be SERVICE.METHOD, as in greeting_service.hello`}},
		{"call a.b --broker amqp://guest:secret@" + nowhere, 1, "", []string{"amqp://guest:**@" + nowhere, "gomeko broker"}},
		{"call a.b --broker=", 2, "", []string{"--broker: is empty: give the broker's URI, or omit the flag"}},
		{"run ./testdata/slow --config " + alone, 1, "", []string{alone + ":1: AMQP_URI: ${GOMEKO_NOT_SET} is empty: set the variable, or write the broker's URI"}},
		{"call a.b --config " + good, 1, "", []string{"amqp://me:**@" + nowhere}},
		{"call a.b --config " + bad, 1, "", []string{bad + ":1: max_workers: ", bad + ":2: gomeko.grase: unknown key: did you mean grace?"}},
		{"call a.b --config " + secure, 1, "", []string{"AMQP_SSL: ca_certs: open nosuch.pem: no such file"}},
		{"run ./testdata/slow --config " + secure, 1, "", []string{"AMQP_SSL: ca_certs: open nosuch.pem: no such file"}},
		{"run ./testdata/slow --broker amqp://me:secret@" + nowhere, 1, "", []string{"amqp://me:**@" + nowhere, "nobody is listening there"}},
		{"show-config --config " + good, 0, "AMQP_URI: amqp://me:**@", []string{"warning: " + good + ":2: MAX_WORKERS: "}},
		{"show-config", 0, "", []string{"no file is named with --config: every key has its default\nbroker: "}},
		{"broker --listen nowhere", 1, "", []string{"nowhere"}},
		{"run ./testdata/nothing", 2, "", []string{"./testdata/nothing does not exist: name the folder of a package"}},
		{"run nothing.go", 2, "", []string{"nothing.go does not exist: name the folder of a package"}},
		{"run ./testdata/slow:Nobody", 1, "", []string{"has no service Nobody: it has Sloth"}},
		{"run .:Main", 2, "", []string{"is a main package"}},
		{"run testdata/slow/slow.go", 2, "", []string{"testdata/slow/slow.go is a file: name the folder of its package, as in gomeko run ./testdata/slow"}},
		{"run ./testdata/slow -- --config x", 2, "", []string{"--config: a flag must be written without a -- before it"}},
		{"run . ./testdata/slow", 2, "", []string{"run it without other packages"}},
		{"run ../../config", 1, "", []string{"github.com/gomeko/gomeko/config has nothing to run: "}},
	} {
		p := start(t, "", "", strings.Fields(test.args)...)
		status := p.Wait()
		out, err := p.Stdout(), p.Stderr()
		ok := status == test.status && strings.HasPrefix(out, test.stdout) && (out == "") == (test.stdout == "")
		for _, want := range test.stderr {
			ok = ok && strings.Contains(err, want)
		}
		if !ok || strings.Contains(err, "secret") {
			t.Errorf("gomeko %s: got exit status %d, stdout %q, stderr:\n%s\nwant %d, %q…, %q", test.args, status, out, err, test.status, test.stdout, test.stderr)
		}
	}
}

// One start reports all mistakes of all services, each with its correction.
func TestMistakes(t *testing.T) {
	p := start(t, "", "", "run", "./testdata/wrong", "--broker", "amqp://guest:guest@"+hosttest.FreeAddress(t)+"/")
	if got := p.Wait(); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	for _, want := range []string{
		"orders: GetOrder: the tag names 2 parameters, but GetOrder takes 1 (int) after ctx: add verbose ",
		"orders: Missing: no such method: add ",
		"orders: Count: parameter n: default 'x' does not fit int",
		"orders: Late: unknown key timeot in its tag: did you mean timeout?",
		`orders: Twice: method "sweep" is taken by the row Sweep: give `,
		"users: mu: contains sync.Mutex by value (mu), but each call gets a copy of the service: use ",
	} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("got:\n%s\nwant in it %s", p.Stderr(), want)
		}
	}
}
