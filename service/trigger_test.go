package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Trigger is an entrypoint that a test fires, by the triggers of its container.
type Trigger struct{}

// triggers are the rows of type Trigger of one container, by service.method.
type triggers map[string]*service.Row

// signatures are those of the rows of type Trigger, by method.
type signatures map[string]string

func (Trigger) Isolatable() bool { return true }

func (Trigger) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	if err := r.Tag.Keys("trigger"); err != nil {
		return nil, err
	}
	sig, err := r.Bind(r.Tag.Get("trigger"))
	if err != nil {
		return nil, err
	}
	if all, ok := service.Lookup[triggers](r.Host); ok {
		all[r.Service+"."+sig.Name] = r
	}
	if all, ok := service.Lookup[signatures](r.Host); ok {
		all[sig.Name] = sig.String()
	}
	return &nop{}, nil
}

// nop is an entrypoint without input.
type nop struct{ _ byte }

func (*nop) Start(context.Context) error { return nil }
func (*nop) Stop(context.Context) error  { return nil }

// value is an argument as a test writes it.
type value struct{ v any }

func (v value) Decode(dst any) error {
	text, err := json.Marshal(v.v)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, dst)
}

// kw are keyword arguments, names and values in turn.
type kw []any

// arguments makes Arguments of args; a kw at the end are the keywords.
func arguments(args ...any) signature.Arguments {
	var a signature.Arguments
	for _, arg := range args {
		if named, ok := arg.(kw); ok {
			for i := 0; i < len(named); i += 2 {
				a.Keyword = append(a.Keyword, signature.Named{Name: named[i].(string), Value: value{named[i+1]}})
			}
			continue
		}
		a.Positional = append(a.Positional, value{arg})
	}
	return a
}

func (all triggers) fire(ctx context.Context, name string, args ...any) (any, error) {
	f, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no trigger %s", name)
	}
	return f.Run(ctx, service.Request{Arguments: arguments(args...)})
}

// start starts services with cfg, and stops them when the test ends.
func start(t testing.TB, cfg service.Config, services ...any) (*service.Container, triggers) {
	t.Helper()
	all := triggers{}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := service.New(cfg, append(services, service.Defaults(all))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c, all
}

// A journal collects log lines.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(line)
}

// take returns the lines that were logged since the last time.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.buf.Reset()
	return j.buf.String()
}

// logger returns a logger that writes to the journal only what is the same in every run.
func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "call_id", "root_call_id", "duration":
				return slog.Attr{}
			case "stack":
				return slog.Bool("stack", a.Value.String() != "")
			}
			return a
		},
	}))
}
