//go:build unix

package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Sloth is a service whose calls take as long as the test wants.
type Sloth struct {
	_ service.Name `service:"sloth"`

	Entrypoints struct {
		Sleep rpc.Method `rpc:"sleep"`
	}

	asleep, awake chan struct{}
}

func newSloth() *Sloth { return &Sloth{asleep: make(chan struct{}, 1), awake: make(chan struct{})} }

func (s *Sloth) Sleep(context.Context) (string, error) {
	s.asleep <- struct{}{}
	<-s.awake
	return "slept", nil
}

// A host is a Run that a test has started.
type host struct {
	log    *hosttest.Log
	client rpc.Client
	stop   context.CancelFunc
	ended  chan error
}

// run runs the services of opts with an embedded broker, and waits until they are ready.
func run(t *testing.T, keys, name string, opts ...fx.Option) *host {
	t.Helper()
	uri := "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/"
	ctx, stop := context.WithCancel(t.Context())
	h := &host{log: &hosttest.Log{}, stop: stop, ended: make(chan error, 1)}
	cfg := runner.Config{File: file(t, "AMQP_URI: "+uri+"\n"+keys), Broker: "embedded", Logger: logger(h.log)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.ended <- runner.Run(ctx, cfg, opts...)
	}()
	t.Cleanup(func() {
		stop()
		hosttest.Receive(t, "the end of Run", ended)
	})
	h.log.Wait(t, 1, "msg=ready")
	h.client = hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client(name)
	return h
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// A call that is running when ctx ends is finished and answered.
func TestRunDrains(t *testing.T) {
	t.Parallel()
	sloth := newSloth()
	h := run(t, "", "sloth", service.Provide(sloth))
	answers := make(chan string, 1)
	go func() {
		var got string
		if err := h.client.Call(t.Context(), "sleep", &got); err != nil {
			got = err.Error()
		}
		answers <- got
	}()
	hosttest.Receive(t, "the call", sloth.asleep)
	h.stop()
	h.log.Wait(t, 1, "msg=stopping")
	close(sloth.awake)
	if got := hosttest.Receive(t, "the answer", answers); got != "slept" {
		t.Errorf("got the answer %q, want slept", got)
	}
	if err := hosttest.Receive(t, "the end of Run", h.ended); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`msg="embedded broker started" address=127.0.0.1:`, "msg=starting services=[sloth]", "msg=ready services=[sloth]",
		"broker=amqp://guest:**@127.0.0.1:", "msg=stopping services=[sloth]", "msg=drained finished=", "cut_off=0 given_back=0", `msg="embedded broker stopped" messages_lost=0`,
	} {
		if got := h.log.String(); !strings.Contains(got, want) {
			t.Errorf("got the log\n%s\nwant in it %s", got, want)
		}
	}
}

// A call that takes longer than the grace is cut off.
func TestRunKills(t *testing.T) {
	t.Parallel()
	sloth := newSloth()
	h := run(t, "gomeko: {grace: 50ms}", "sloth", service.Provide(sloth))
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = h.client.Call(ctx, "sleep", nil)
	}()
	hosttest.Receive(t, "the call", sloth.asleep)
	h.stop()
	err := hosttest.Receive(t, "the end of Run", h.ended)
	if err == nil || !strings.Contains(err.Error(), "stop was cut short, 1 call cut off") {
		t.Errorf("got %v, want the call that was cut off", err)
	}
	cancel()
	close(sloth.awake)
	hosttest.Receive(t, "the caller", answered)
}

// Run returns the reason why it does not start.
func TestRunFails(t *testing.T) {
	t.Parallel()
	greeting := service.Provide(new(Greeting))
	for _, test := range []struct {
		name string
		cfg  runner.Config
		opts []fx.Option
		want []string
	}{
		{"the broker is away", runner.Config{Broker: "amqp://127.0.0.1:1/"}, []fx.Option{greeting},
			[]string{"connection: amqp://guest:**@127.0.0.1:1//: ", "connection refused"}},
		{"no URI", runner.Config{Broker: "localhost:5672"}, []fx.Option{greeting}, []string{"as in amqp://user:password@localhost:5672/"}},
		{"no file", runner.Config{File: filepath.Join(t.TempDir(), "none.yaml")}, nil, []string{"configuration: open ", "none.yaml"}},
		{"all mistakes of a file", runner.Config{File: file(t, "max_workers: many\nHEARTBEAT: often\ngomeko: {grace: soon}\n")}, nil,
			[]string{"config.yaml:1: max_workers: ", "config.yaml:2: HEARTBEAT: ", "config.yaml:3: gomeko.grace: "}},
		{"all mistakes of services", runner.Config{}, []fx.Option{service.Provide(7), service.Provide(&struct{}{})},
			[]string{"service int: ", "service struct {}: has no name"}},
		{"no services", runner.Config{}, nil, []string{"no services: pass a module"}},
		{"a hook fails", runner.Config{}, []fx.Option{greeting, fx.Invoke(func(life fx.Lifecycle) {
			life.Append(fx.StartHook(func() error { return errors.New("no database") }))
		})}, []string{"no database"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := &hosttest.Log{}
			test.cfg.Logger = logger(log)
			err := runner.Run(t.Context(), test.cfg, test.opts...)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want in it %s", err, want)
				}
			}
			if strings.Contains(log.String(), "ready") {
				t.Errorf("got the log\n%s", log)
			}
		})
	}
}

// A ctx that ends while the services start stops them.
func TestRunStopsAtStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := runner.Run(ctx, runner.Config{Logger: logger(io.Discard)}, service.Provide(new(Greeting)), fx.Invoke(func(life fx.Lifecycle) {
		life.Append(fx.StartHook(func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}))
	}))
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "stopped while starting: ") {
		t.Errorf("got %v, want that it was stopped while starting", err)
	}
}

// An application may end its Run. Exit code 0 is not an error.
func TestRunShutsDown(t *testing.T) {
	t.Parallel()
	for _, code := range []int{0, 3} {
		var shutdowner fx.Shutdowner
		h := run(t, "", "sloth", service.Provide(newSloth()), fx.Populate(&shutdowner))
		if err := shutdowner.Shutdown(fx.ExitCode(code)); err != nil {
			t.Error(err)
		}
		err := hosttest.Receive(t, "the end of Run", h.ended)
		var asked *service.ShutdownError
		if errors.As(err, &asked) != (code != 0) || (err != nil) != (code != 0) || asked != nil && asked.ExitCode != code {
			t.Errorf("got %v, want it of exit code %d", err, code)
		}
	}
}

// The middleware of a module wraps the calls.
func TestRunMiddleware(t *testing.T) {
	t.Parallel()
	loud := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			result, err := next(ctx)
			return fmt.Sprint(result, "!"), err
		}
	}
	h := run(t, "", "greeting_service", fx.Module("greeting", service.Provide(new(Greeting)), service.Configure(loud)))
	var got string
	if err := h.client.Call(t.Context(), "hello", &got, "Ana"); err != nil || got != "Hello, Ana!!" {
		t.Errorf("got %q, %v, want the result of the middleware", got, err)
	}
}

// Two Runs in one process share no broker, configuration or logger.
func TestRunTwice(t *testing.T) {
	t.Parallel()
	standard := slog.Default()
	first, second := newSloth(), newSloth()
	close(second.awake)
	one, two := run(t, "max_workers: 1", "sloth", service.Provide(first)), run(t, "", "sloth", service.Provide(second))
	if slog.Default() != standard {
		t.Error("slog's default logger was replaced")
	}
	one.stop()
	if err := hosttest.Receive(t, "the end of the first", one.ended); err != nil {
		t.Error(err)
	}
	var got string
	if err := two.client.Call(t.Context(), "sleep", &got); err != nil || got != "slept" {
		t.Errorf("got %q, %v of the second", got, err)
	}
	if strings.Contains(two.log.String(), "stop") {
		t.Errorf("got in the second's log\n%s", two.log)
	}
}

// A key that has no effect is logged as a warning.
func TestRunWarns(t *testing.T) {
	t.Parallel()
	h := run(t, "gomkeo: {grace: 1s}", "sloth", service.Provide(newSloth()))
	if want := `level=WARN msg=configuration warning="`; !strings.Contains(h.log.String(), want) {
		t.Errorf("got the log\n%s\nwant in it %s", h.log, want)
	}
}

// A program may omit a service of a module.
func TestWithout(t *testing.T) {
	t.Parallel()
	module := fx.Options(service.Provide(new(Greeting)), service.Provide(newSloth()),
		service.Configure(web.Hooks{})) // for another service of the module
	without := runner.Without("github.com/gomeko/gomeko/runner_test.Greeting", "example.org/nothing.Nobody")
	h := run(t, "", "sloth", module, without)
	if got := h.log.Lines("msg=starting"); len(got) != 1 || !strings.HasSuffix(got[0], "services=[sloth]\n") {
		t.Errorf("got %q, want the sloth only", got)
	}
}
