package main

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Echo answers with what it is called with.
type Echo struct {
	_ service.Name `service:"bench"`

	Entrypoints struct {
		Echo rpc.Method `rpc:"echo(text)"`
	}
}

func (*Echo) Echo(_ context.Context, text string) (string, error) { return text, nil }

var quiet = slog.New(slog.DiscardHandler)

// serveGomeko hosts services as a program does that configures nothing but the broker. A second
// argument names what observes it.
func serveGomeko(ctx context.Context, _ *role, args []string) error {
	observed := fx.Options()
	if len(args) > 1 {
		observed = observers(args[1])
	}
	c, err := service.New(service.Config{Logger: quiet}, new(Echo), service.Configure(transport.Config{URI: args[0]}), observed)
	if err != nil {
		return err
	}
	return c.Start(ctx)
}

// dialGomeko connects a program that calls services.
func dialGomeko(ctx context.Context, uri string) (*rpc.Caller, error) {
	conn, err := transport.Dial(ctx, transport.Config{URI: uri, Logger: quiet})
	if err != nil {
		return nil, err
	}
	return rpc.NewCaller(ctx, conn, rpc.Config{})
}

// callGomeko calls it; with transient, requests need not survive the broker.
func callGomeko(ctx context.Context, r *role, args []string) error {
	caller, err := dialGomeko(ctx, args[0])
	if err != nil {
		return err
	}
	r.echo(caller.Client("bench"))
	if len(args) > 1 && args[1] == "transient" {
		call := r.call
		r.call = func(ctx context.Context, text string) error {
			return call(rpc.With(ctx, rpc.Persistent(false)), text)
		}
	}
	return nil
}

// echo makes the role one that calls echo.
func (r *role) echo(c rpc.Client) {
	r.call = func(ctx context.Context, text string) error {
		var result string
		return c.Call(ctx, "echo", &result, text)
	}
}
