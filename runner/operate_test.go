//go:build unix

package runner

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Bell is a service that is called once, at the start.
type Bell struct {
	_ service.Name `service:"bell"`

	Entrypoints struct {
		Ring once `once:""`
	}
}

func (*Bell) Ring(ctx context.Context) error {
	slog.InfoContext(ctx, "rung", "stack", len(service.FromContext(ctx).Stack()))
	slog.With("service", "mine").WarnContext(ctx, "rung twice")
	slog.Info("outside")
	return nil
}

type once struct{ row *service.Row }

func (once) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("ring")
	return once{r}, errors.Join(err, r.Tag.Keys("once"))
}

func (o once) Start(context.Context) error {
	o.row.Go(func(ctx context.Context) { _, _ = o.row.Run(ctx, service.Request{Parents: []string{"caller"}}) })
	return nil
}

func (once) Stop(context.Context) error { return nil }

// Every line logged with the context of a call identifies the call and its process.
func TestCallsAreLogged(t *testing.T) {
	out := &output{on: map[string]func(){`"msg":"ready"`: terminate}}
	status, _ := execute(t, out, []fx.Option{service.Provide(new(Bell))}, "--config", configFile(t,
		"LOGGING: {version: 1, root: {level: DEBUG}}\nparent_calls_tracked: 0\ngomeko: {log_format: json}"))
	if status != 0 {
		t.Fatalf("got exit status %d and\n%s", status, out)
	}
	machine, _ := os.Hostname()
	lines := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var attrs map[string]any
		if json.Unmarshal([]byte(line), &attrs) != nil {
			continue // for people
		}
		for _, name := range []string{"service", "method", "call_id", "instance"} {
			if strings.Count(line, `"`+name+`":`) > 1 {
				t.Errorf("got %s twice in %s", name, line)
			}
		}
		if attrs["instance"] != lines["starting"]["instance"] && lines["starting"] != nil {
			t.Errorf("got the instance %v, want that of the line before", attrs["instance"])
		}
		if want := machine + "/" + strconv.Itoa(os.Getpid()) + "-"; !strings.HasPrefix(attrs["instance"].(string), want) {
			t.Errorf("got the instance %v, want %sxxxx", attrs["instance"], want)
		}
		lines[attrs["msg"].(string)] = attrs
	}
	for _, msg := range []string{"rung", "rung twice", "call done"} {
		want := "bell"
		if msg == "rung twice" {
			want = "mine"
		}
		id, _ := lines[msg]["call_id"].(string)
		if lines[msg]["service"] != want || lines[msg]["method"] != "ring" || !strings.HasPrefix(id, "bell.ring.") {
			t.Errorf("%s: got %v, want it of a call of bell's", msg, lines[msg])
		}
	}
	if lines["rung"]["stack"] != 1.0 {
		t.Errorf("got %v call ids to hand on, want the call's own, since no parents are tracked", lines["rung"]["stack"])
	}
	if _, ok := lines["outside"]["call_id"]; ok || lines["outside"] == nil {
		t.Errorf("got %v, want it of no call", lines["outside"])
	}
}

// The keys of the file reach the packages that they configure (vector config_effects), which test
// their effect.
func TestConfigurationIsHandedOn(t *testing.T) {
	t.Parallel()
	s, err := load(configFile(t, `
AMQP_URI: [amqps://one, amqps://two]
AMQP_SSL: {server_hostname: three}
HEARTBEAT: 10
LOGIN_METHOD: AMQPLAIN
rpc_exchange: vec-other
serializer: msgpack
max_workers: 3
AUTO_DELETE_EVENT_EXCHANGES: true
DECLARE_EVENT_EXCHANGES: false
gomeko: {rpc_timeout: none, max_lent: 5, max_message: 1000, broadcast_identity: eu-1, typed_json: true, nil_as_null: true, lenient: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := process{settings: s}
	if err := p.bind([]fx.Option{service.Provide(new(Clock))}); err != nil {
		t.Fatal(err)
	}
	broker, _ := service.Lookup[transport.Config](p.container.Host())
	if broker.URI != "amqps://one;amqps://two" || broker.TLS == nil || broker.TLS.ServerName != "three" ||
		broker.Heartbeat != 10*time.Second || broker.LoginMethod != "AMQPLAIN" || broker.MaxMessage != 1000 ||
		broker.Codec.ContentType() != msgpack.Codec.ContentType() || len(broker.Accept) != 2 {
		t.Errorf("got %+v", broker)
	}
	if calls, _ := service.Lookup[rpc.Config](p.container.Host()); calls.Exchange != "vec-other" || calls.Timeout >= 0 {
		t.Errorf("got %+v", calls)
	}
	if h := p.container.Host(); h.Workers() != 3 || h.Lent() != 5 {
		t.Errorf("got %d workers and %d to lend", h.Workers(), h.Lent())
	}
	date, err := broker.Accept.Of("application/json").Encode(codec.Date{Year: 2024, Month: 1, Day: 2})
	if want := `{"__type__":"date","__value__":"2024-01-02"}`; err != nil || string(date) != want {
		t.Errorf("got %s, %v, want %s", date, err, want)
	}
	routes, _ := service.Lookup[web.Config](p.container.Host())
	for _, c := range []codec.Codec{broker.Accept.Of("application/json"), broker.Codec, routes.Codec} {
		if data, err := c.Encode([]int(nil)); err != nil || string(data) != "null" && string(data) != "\xc0" {
			t.Errorf("%s: got %q, %v for a nil slice, want null", c.ContentType(), data, err)
		}
	}
	if got, _ := service.Lookup[events.Config](p.container.Host()); got != (events.Config{Identity: "eu-1", AutoDelete: true, Undeclared: true}) {
		t.Errorf("got %+v", got)
	}
}

// Flags override the configuration.
func TestLogFlags(t *testing.T) {
	file := configFile(t, "LOGGING: {root: {level: ERROR}}\ngomeko: {log_format: json}")
	for name, test := range map[string]struct {
		args []string
		want string // how the line of the log begins that says that it is ready; "" for none
	}{
		"neither":       {nil, "time="},
		"configuration": {[]string{"--config", file}, ""},
		"level":         {[]string{"--config", file, "--log-level=info"}, `{"time":`},
		"both":          {[]string{"--config", file, "--log-level=debug", "--log-format=text"}, "time="},
		"level only":    {[]string{"--log-level=warn"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out := &output{}
			terminateWhenReady(t)
			if status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock))}, test.args...); status != 0 {
				t.Fatalf("got exit status %d and\n%s", status, out)
			}
			got := ""
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "ready") && strings.Contains(line, "services") {
					got = line
				}
			}
			if (got == "") != (test.want == "") || !strings.HasPrefix(got, test.want) {
				t.Errorf("got %q, want %s…", got, test.want)
			}
		})
	}
}

// terminateWhenReady sends SIGTERM when the test's next program is ready. It learns that as systemd
// does, because the log may not say so.
func terminateWhenReady(t *testing.T) {
	t.Helper()
	address := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", address)
	var listener sync.WaitGroup
	listener.Go(func() {
		text := make([]byte, 1000)
		if n, err := systemd.Read(text); err == nil && strings.HasPrefix(string(text[:n]), "READY=1") {
			terminate()
		}
		_, _ = systemd.Read(text) // STOPPING
	})
	t.Cleanup(func() {
		systemd.Close()
		listener.Wait()
	})
}

// With the format json, every line is JSON, and durations are text.
func TestJSONLog(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		opts   []fx.Option
		status int
		want   []string // messages
	}{
		"stop": {[]string{"--log-format=json", "--config", configFile(t, "MAX_WORKERS: 5")}, []fx.Option{service.Provide(new(Clock))}, 0,
			[]string{"configuration", "embedded broker started", "starting", "ready", "stopping", "drained", "embedded broker stopped"}},
		"file":    {[]string{"--config", configFile(t, "gomeko: {log_format: json}")}, []fx.Option{service.Provide(new(Clock))}, 0, []string{"starting", "ready", "stopping"}},
		"failure": {[]string{"--log-format=json"}, []fx.Option{service.Provide(7), service.Provide(8)}, 1, []string{"command failed"}},
		"usage":   {[]string{"--log-format=json", "nonsense"}, nil, 2, []string{"command failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := &output{}
			terminateWhenReady(t)
			if status, _ := execute(t, out, test.opts, test.args...); status != test.status {
				t.Errorf("got exit status %d, want %d", status, test.status)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				var attrs struct {
					Msg      string `json:"msg"`
					Duration string `json:"duration"`
				}
				if err := json.Unmarshal([]byte(line), &attrs); err != nil {
					t.Errorf("got the line %q: %v", line, err)
				}
				if _, err := time.ParseDuration(attrs.Duration); attrs.Duration != "" && err != nil {
					t.Error(err)
				}
				got = append(got, attrs.Msg)
			}
			for _, want := range test.want {
				if !slices.Contains(got, want) {
					t.Errorf("got the messages %q, want %s", got, want)
				}
			}
		})
	}
}

// The process tells systemd when the services answer, and when they stop.
func TestNotify(t *testing.T) {
	names := map[string]string{"file": filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names["abstract"] = "@gomeko-test-" + strconv.Itoa(os.Getpid())
	}
	for name, address := range names {
		t.Run(name, func(t *testing.T) {
			systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: address})
			if err != nil {
				t.Fatal(err)
			}
			defer systemd.Close()
			t.Setenv("NOTIFY_SOCKET", address)
			hears := func(want string) {
				text := make([]byte, 1000)
				systemd.SetReadDeadline(time.Now().Add(time.Minute))
				n, err := systemd.Read(text)
				if got := string(text[:n]); err != nil || got != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
			out := &output{on: map[string]func(){"msg=ready": terminate}}
			if status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock))}); status != 0 {
				t.Errorf("got exit status %d and\n%s", status, out)
			}
			hears("READY=1\nSTATUS=serving clock")
			hears("STOPPING=1\nSTATUS=stopping clock")
		})
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	out := &output{on: map[string]func(){"Connected to": terminate}}
	status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock))})
	if status != 0 || !strings.Contains(out.String(), `msg="systemd was not told"`) {
		t.Errorf("got exit status %d and\n%s\nwant 0, and a warning that systemd was not told", status, out)
	}
}

// The process tells systemd at half the interval of WatchdogSec that it is alive, if the interval
// is meant for this process.
func TestWatchdog(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: address})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", address)
	t.Setenv("WATCHDOG_USEC", "20000")
	for pid, want := range map[int]int{os.Getpid(): 3, os.Getpid() + 1: 0} {
		t.Setenv("WATCHDOG_PID", strconv.Itoa(pid))
		out := &output{}
		if want == 0 {
			out.on = map[string]func(){"msg=ready": terminate}
		}
		ended := make(chan int)
		go func() {
			status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock))})
			ended <- status
		}()
		alive := 0
		for state := ""; !strings.HasPrefix(state, "STOPPING=1"); {
			text := make([]byte, 1000)
			systemd.SetReadDeadline(time.Now().Add(time.Minute))
			n, err := systemd.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			if state = string(text[:n]); state == "WATCHDOG=1" {
				if alive++; alive == want {
					terminate()
				}
			}
		}
		if status := <-ended; status != 0 || alive < want || want == 0 && alive > 0 {
			t.Errorf("got exit status %d and WATCHDOG=1 %d times, want it %d times", status, alive, want)
		}
	}
}

// An application can shut down with an exit status: when it has started, or in a start hook.
func TestShutdowner(t *testing.T) {
	for _, test := range []struct {
		late bool
		code int
		want []string
	}{
		{true, 0, []string{"exit_code=0", "stopping services: clock", "finished=0 cut_off=0 given_back=0"}},
		{true, 3, []string{"stopping services: clock", "the application shut down with exit code 3"}},
		{false, 0, []string{"exit_code=0"}},
		{false, 3, []string{"the application shut down with exit code 3"}},
	} {
		out := &output{}
		status, _ := execute(t, out, []fx.Option{service.Provide(new(Clock)), fx.Invoke(func(life fx.Lifecycle, s fx.Shutdowner) {
			shutdown := func() { _ = s.Shutdown(fx.ExitCode(test.code)) }
			if test.late {
				out.on = map[string]func(){"msg=ready": func() { go shutdown() }}
			} else {
				life.Append(fx.StartHook(shutdown))
			}
		})})
		for _, want := range test.want {
			if status != test.code || !strings.Contains(out.String(), want) {
				t.Errorf("got exit status %d and\n%s\nwant %d and %s", status, out, test.code, want)
			}
		}
		if ready := strings.Contains(out.String(), "msg=ready"); ready != test.late {
			t.Errorf("got\n%s\nwant ready %v", out, test.late)
		}
	}
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
