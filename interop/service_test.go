package interop_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// GoPeer is peer/peer.py in Go: the same methods, signatures and errors.
type GoPeer struct {
	_ service.Name `service:"go_peer"`

	Entrypoints struct {
		Hello          rpc.Method `rpc:"hello(name)"`
		Echo           rpc.Method `rpc:"echo(value)"`
		Sig            rpc.Method `rpc:"sig(a, b=2, *, c=3)"`
		Fail           rpc.Method `rpc:"fail()"`
		Find           rpc.Method `rpc:"find(order_id)"`
		Unserializable rpc.Method `rpc:"unserializable()"`
		Relay          rpc.Method `rpc:"relay(method, args)"`
	}

	Python rpc.Client `rpc:"python_peer"`
}

var errNotFound = rpc.NewError("peer.NotFound", "no such order")

func (p *GoPeer) Hello(_ context.Context, name string) (string, error) {
	return "Hello, " + name + "!", nil
}

func (p *GoPeer) Echo(_ context.Context, value any) (any, error) { return value, nil }

func (p *GoPeer) Sig(_ context.Context, a, b, c any) ([]any, error) { return []any{a, b, c}, nil }

func (p *GoPeer) Fail(context.Context) error { return errors.New("it broke") }

func (p *GoPeer) Find(_ context.Context, _ int) error { return errNotFound }

func (p *GoPeer) Unserializable(context.Context) (any, error) { return make(chan int), nil }

// Relay calls the Python service; its error becomes this call's.
func (p *GoPeer) Relay(ctx context.Context, method string, args []any) (any, error) {
	var result any
	err := p.Python.Call(ctx, method, &result, args...)
	return result, err
}

// startGoPeer runs GoPeer until the test ends.
func startGoPeer(t *testing.T, uri string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	host, err := service.New(service.Config{
		Logger: log,
		Values: []any{transport.Config{URI: uri, Logger: log}, rpc.Config{}},
	}, new(GoPeer))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
