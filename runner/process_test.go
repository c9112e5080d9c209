//go:build unix

package runner

import (
	"context"
	"encoding/json"
	"errors"

	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// These tests are in the package, so that they see Main's exit as a status. Package cmd/gomeko
// tests whole programs.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Clock is a service without mistakes.
type Clock struct {
	_ service.Name `service:"clock"`

	Entrypoints struct {
		Now rpc.Method `rpc:"now"`
	}
}

func (*Clock) Now(context.Context) (int, error) { return 7, nil }

// Torch is a service whose entrypoint fails after its start.
type Torch struct {
	_ service.Name `service:"torch"`

	Entrypoints struct {
		Burn fuse `fuse:""`
	}
}

func (*Torch) Burn(context.Context) error { return nil }

type fuse struct{ row *service.Row }

func (fuse) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("burn")
	return fuse{r}, errors.Join(err, r.Tag.Keys("fuse"))
}

func (f fuse) Start(context.Context) error {
	f.row.Go(func(context.Context) { f.row.Fail(errors.New("the fuse is gone")) })
	return nil
}

func (fuse) Stop(context.Context) error { return nil }

// execute runs a program of opts with an embedded broker on a free port.
func execute(t *testing.T, out *output, opts []fx.Option, args ...string) (status int, stdout string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AMQP_URI", "amqp://guest:guest@"+l.Addr().String()+"/")
	l.Close()
	var results strings.Builder
	c := &command{in: os.Stdin, out: &results, err: out}
	status = c.execute(c.program(opts), append([]string{"--broker=embedded"}, args...))
	return status, results.String()
}

// An output calls back for lines that are written to it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	on   map[string]func()
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for text, call := range o.on {
		if strings.Contains(string(p), text) {
			call()
		}
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func terminate() { _ = syscall.Kill(os.Getpid(), syscall.SIGTERM) }

func TestProgramStops(t *testing.T) {
	var order []string
	hooks := fx.Invoke(func(lc fx.Lifecycle, cfg *config.Config) {
		lc.Append(fx.Hook{
			OnStart: func(context.Context) error { order = append(order, "start"); return nil },
			OnStop:  func(context.Context) error { order = append(order, "stop "+cfg.Grace.String()); return nil },
		})
	})
	out := &output{on: map[string]func(){"Connected to": terminate}}
	status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock)), hooks}, "run")
	if status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	if got, want := strings.Join(order, ", "), "start, stop 25s"; got != want {
		t.Errorf("got the hooks %s, want %s", got, want)
	}
	last := -1
	for _, want := range []string{"embedded broker on ", "starting services: clock\n", "Connected to amqp://guest:**@127.0.0.1:", "stopping services: clock\n", "embedded broker stopped\n"} {
		at := strings.Index(out.String(), want)
		if at <= last {
			t.Errorf("got:\n%s\nwant in it, after what was before, %s", out, want)
		}
		last = at
	}
}

func TestProgramFails(t *testing.T) {
	for name, test := range map[string]struct {
		opts []fx.Option
		args []string
		want string
	}{
		"a service fails": {opts: []fx.Option{service.Provide(new(Clock)), service.Provide(new(Torch))}, want: "the fuse is gone"},
		"a hook fails": {opts: []fx.Option{service.Provide(new(Clock)), fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.StartHook(func() error { return errors.New("no database") }))
		})}, want: "no database"},
		"a constructor fails": {opts: []fx.Option{
			fx.Provide(func() (*time.Location, error) { return nil, errors.New("no such place") }),
			fx.Invoke(func(*time.Location) {}),
		}, want: "no such place"},
		"nothing provides": {opts: []fx.Option{fx.Invoke(func(*time.Location) {})},
			want: " needs *time.Location, which nothing provides: add fx.Provide(func(…) (*time.Location, error)) to the module"},
		"settings are mistaken": {opts: []fx.Option{service.Provide(new(Clock)), config.Provide("clock", struct{ Zone string }{}),
			config.Provide("alarm", time.Second)}, args: []string{"--config", configFile(t, "alarm: soon\nclock: {zoen: UTC}")},
			want: ":1: alarm: must be a duration such as 30s, or a number of seconds, not \"soon\"\n"},
		"no CA":       {opts: []fx.Option{service.Provide(new(Clock))}, args: []string{"--config", configFile(t, "AMQP_SSL: {ca_certs: /none.pem}"), "--broker=amqps://localhost:1"}, want: "AMQP_SSL: ca_certs: open /none.pem"},
		"no services": {want: "application: no services: pass a module with service.Provide(new(Orders)) in it"},
		"no service":  {opts: []fx.Option{service.Provide(7)}, want: "service int: must be a pointer to the struct of a service"},
		"no file":     {args: []string{"--config", filepath.Join(t.TempDir(), "none.yaml")}, want: "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			out := &output{}
			status, _ := execute(t, out, test.opts, test.args...)
			if status != 1 || !strings.Contains(out.String(), test.want) {
				t.Errorf("got exit status %d and\n%s\nwant 1 and %s", status, out, test.want)
			}
		})
	}
}

// Anchor is a service whose entrypoint does not start until its channel is closed.
type Anchor struct {
	_ service.Name `service:"anchor"`

	Entrypoints struct {
		Hold chain `chain:""`
	}
}

func (*Anchor) Hold(context.Context) error { return nil }

type chain struct{ held, release chan struct{} }

func (chain) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("hold")
	c, _ := service.Lookup[chain](r.Host)
	return c, errors.Join(err, r.Tag.Keys("chain"))
}

func (c chain) Start(context.Context) error {
	close(c.held)
	<-c.release
	return nil
}

func (chain) Stop(context.Context) error { return nil }

// A second signal ends a program whose start ignores the first one.
func TestProgramIsKilledAtStart(t *testing.T) {
	c := chain{make(chan struct{}), make(chan struct{})}
	out := &output{}
	var signals sync.WaitGroup
	signals.Go(func() {
		<-c.held
		terminate()
		time.Sleep(oneSignal + 100*time.Millisecond) // signals within oneSignal count as one
		terminate()
	})
	status, _ := execute(t, out, []fx.Option{service.Provide(new(Anchor)), fx.Supply(c), service.Configure[chain]()})
	signals.Wait()
	close(c.release)
	if status != 1 || !strings.Contains(out.String(), "killed by a second signal") {
		t.Errorf("got exit status %d and\n%s\nwant 1, and that it was killed", status, out)
	}
}

func TestProgramUsage(t *testing.T) {
	out := &output{}
	if status, _ := execute(t, out, nil, "nonsense"); status != 2 || !strings.Contains(out.String(), "nonsense") {
		t.Errorf("got exit status %d and\n%s\nwant 2 and the word", status, out)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"7": "7", "2.0": "2.0", "true": "true", "null": "null", "[1, 2]": "[1, 2]", `"7"`: `"7"`,
		`{"a": 1}`: `{"a": 1}`, "Julio": "Julio", "": "", "07": "07", "é": "é",
	} {
		got := argument(word)
		if raw, ok := got.(interface{ MarshalJSON() ([]byte, error) }); ok {
			text, err := raw.MarshalJSON()
			if err != nil || string(text) != want {
				t.Errorf("%q: got %s, %v, want %s", word, text, err, want)
			}
		} else if got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	args := arguments([]string{"a=b=c", "x", "1=2", "b={}"})
	if len(args) != 3 || args[0] != "x" || args[1] != "1=2" {
		t.Fatalf("got %v, want x, 1=2 and the keywords", args)
	}
	if named, ok := args[2].(rpc.Kwargs); !ok || len(named) != 4 || named[0] != "a" || named[1] != "b=c" || named[2] != "b" {
		t.Errorf("got %v, want a and b", args[2])
	}
}

// A string in JSON quotes is positional, even if it looks like a keyword argument.
func TestQuotedArgument(t *testing.T) {
	t.Parallel()
	args := arguments([]string{`"url=http://x"`, `url=http://y?a=b`, `"=`})
	for i, want := range []string{`"url=http://x"`, `"\"="`} {
		if text, err := json.Marshal(args[i]); err != nil || string(text) != want {
			t.Errorf("got %s, %v, want %s", text, err, want)
		}
	}
	if named, ok := args[2].(rpc.Kwargs); !ok || named[0] != "url" || named[1] != "http://y?a=b" {
		t.Errorf("got %v, want the keyword url", args[2])
	}
}

func TestEmbeddedAt(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"":                                 "amqp://guest:guest@127.0.0.1:5672/",
		defaultURI:                         "amqp://guest:guest@127.0.0.1:5672/",
		"pyamqp://me:pw@localhost:7000/v":  "amqp://me:pw@127.0.0.1:7000/v",
		"amqp://[::1]":                     "amqp://127.0.0.1:5672",
		"amqp://me:pw@rabbit.example:7000": "amqp://guest:guest@127.0.0.1:5672/",
		"amqp://a:1@localhost;amqp://b":    "amqp://guest:guest@127.0.0.1:5672/",
	} {
		if got := embeddedAt(uri).String(); got != want {
			t.Errorf("%q: got %s, want %s", uri, got, want)
		}
	}
}
