//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/service"
)

// The children of these tests run this test binary, too.
func TestMain(m *testing.M) {
	child, err := isolate.Join()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case child != nil:
		os.Exit(beChild(child))
	case os.Getenv("ISOLATE_PARENT") != "":
		beParent()
	}
	goleak.VerifyTestMain(m)
}

// beChild does what package runner does in a child.
func beChild(child *isolate.Child) int {
	if text := os.Getenv("ISOLATE_FAILS"); text != "" {
		child.Fail(errors.New(text))
		return 1
	}
	c, err := service.New(service.Config{Logger: child.Logger(), Only: []string{}, Instance: child.Instance}, newLab(), new(Gate), guard, service.Defaults(rows{}))
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		child.Fail(err)
		return 1
	}
	err = child.Serve(c)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(err, c.Stop(ctx)); err != nil {
		return 1
	}
	return 0
}

// Button is an entrypoint that tests press.
type Button struct{}

// rows contains a container's rows of type Button, by name.
type rows map[string]*service.Row

func (Button) Isolatable() bool { return true }

func (Button) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	if all, ok := service.Lookup[rows](r.Host); ok {
		all[r.Name] = r
	}
	r.UseGrants()
	_, err := r.Bind(r.Tag.Get("button"))
	return new(idle), errors.Join(r.Tag.Keys("button"), err)
}

type idle struct{ _ byte }

func (*idle) Start(context.Context) error { return nil }
func (*idle) Stop(context.Context) error  { return nil }

// A lab runs the services of a test in this process, and their children.
type lab struct {
	*service.Container
	rows rows
	log  *hosttest.Log
}

// start starts the lab, and ends its children when the test ends.
func start(t testing.TB) *lab {
	t.Helper()
	l := &lab{rows: rows{}, log: new(hosttest.Log)}
	var err error
	l.Container, err = service.New(service.Config{Logger: slog.New(service.NewLogHandler(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelInfo})))},
		newLab(), new(Gate), guard, service.Defaults(l.rows), service.Configure(isolate.Serve(isolate.Config{Path: os.Args[0], Broker: func() string { return "" }, Grace: 2 * time.Second})))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
		defer cancel()
		if err := l.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", l.log)
		}
	})
	return l
}

// press runs a call, and decodes its result into a T.
func press[T any](ctx context.Context, l *lab, row string, args ...any) (result T, err error) {
	req := service.Request{ID: "1"}
	for _, a := range args {
		data, err := codec.TypedJSON.Encode(a)
		if err != nil {
			return result, err
		}
		req.Arguments.Positional = append(req.Arguments.Positional, &codec.Encoded{Codec: codec.TypedJSON, Data: data})
	}
	v, err := l.rows[row].Run(ctx, req)
	if err != nil || v == nil {
		return result, err
	}
	data, err := codec.TypedJSON.Encode(v)
	if err == nil {
		err = codec.TypedJSON.Decode(data, &result)
	}
	return result, err
}
