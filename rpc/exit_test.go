package rpc_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Leaver has methods that end their goroutine.
type Leaver struct {
	_ service.Name `service:"leaver"`

	Entrypoints struct {
		Run    rpc.Method `rpc:"run"`
		Encode rpc.Method `rpc:"encode"`
		Stay   rpc.Method `rpc:"stay"`
	}
}

// A leave is a result whose encoding ends the goroutine.
type leave struct{}

func (leave) MarshalJSON() ([]byte, error) { runtime.Goexit(); return nil, nil }

func (*Leaver) Run(context.Context) error             { runtime.Goexit(); return nil }
func (*Leaver) Encode(context.Context) (leave, error) { return leave{}, nil }
func (*Leaver) Stay(context.Context) error            { return nil }

// If a method, a middleware or a result ends its goroutine, the caller gets an error.
func TestExit(t *testing.T) {
	middleware := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			if service.FromContext(ctx).Method == "stay" && service.FromContext(ctx).Data["leave"] != nil {
				runtime.Goexit()
			}
			return next(ctx)
		}
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		cfg := service.Config{MaxWorkers: 1, Middleware: []service.Middleware{middleware}}
		p := startOn(t, cfg, transport.Config{URI: uri}, new(Leaver))
		client := dial(t, uri, rpc.Config{}, nil).Client("leaver")
		leaving := service.Key[bool]("leave").With(t.Context(), true)
		for range 2 {
			for method, ctx := range map[string]context.Context{"run": t.Context(), "encode": t.Context(), "stay": leaving} {
				var told *rpc.Error
				if err := client.Call(ctx, method, nil); !errors.As(err, &told) || !strings.Contains(told.Value, "Goexit") {
					t.Errorf("%s: got %v, want that it ended its goroutine", method, err)
				}
			}
		}
		if err := client.Call(t.Context(), "stay", nil); err != nil {
			t.Error(err)
		}
		p.Log.Wait(t, 2, "level=ERROR", "result cannot be sent", "Goexit")
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "rpc-leaver"); n != 0 {
			t.Errorf("got %d requests in the queue, want 0", n)
		}
	})
}
