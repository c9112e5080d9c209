package shell_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Desk answers the calls of the tests.
type Desk struct {
	_ service.Name `service:"help.desk"`

	Entrypoints struct {
		Echo  rpc.Method `rpc:"echo(value=None)"`
		Names rpc.Method `rpc:"names(**options)"`
		Fail  rpc.Method `rpc:"fail()"`
		Wait  rpc.Method `rpc:"wait()"`
	}

	Waiting chan struct{} // receives a value when a wait begins
}

func (*Desk) Echo(_ context.Context, value json.RawMessage) (json.RawMessage, error) {
	return value, nil
}

func (*Desk) Names(_ context.Context, options map[string]any) (int, error) { return len(options), nil }

func (*Desk) Fail(context.Context) error { return rpc.NewError("builtins.ValueError", "bad value") }

// Wait returns at the caller's deadline, or when the test ends.
func (d *Desk) Wait(ctx context.Context) error {
	d.Waiting <- struct{}{}
	<-ctx.Done()
	return errors.New("not waited for")
}

// Greeter greets.
type Greeter struct {
	_ service.Name `service:"greeting_service"`

	Entrypoints struct {
		Hello rpc.Method `rpc:"hello(name)"`
	}
}

func (*Greeter) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

// host runs the services on a broker in memory and returns a program that calls them.
func host(t testing.TB, services ...any) *rpc.Caller {
	t.Helper()
	return hosttest.Caller(t, serve(t, services...), rpc.Config{})
}

// serve runs the services on a broker in memory.
func serve(t testing.TB, services ...any) transport.Config {
	t.Helper()
	b := broker.New(broker.Config{})
	at := transport.Config{URI: "amqp://", Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }}
	container, err := service.New(service.Config{}, append(services, service.Configure(at))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, b.Close) })
	if err := container.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { container.Kill() })
	return at
}

func end(t testing.TB, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}
