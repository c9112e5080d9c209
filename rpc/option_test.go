package rpc_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Each option changes its property of the request and no other.
func TestOptions(t *testing.T) {
	plain := map[string]any{"priority": 0.0, "delivery_mode": 2.0}
	with := func(name string, value any) map[string]any {
		changed := map[string]any{"priority": 0.0, "delivery_mode": 2.0}
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
		return changed
	}
	headers := transport.Table{"x-tenant": "acme", "nameko.call_id_stack": "not this one"}
	tests := map[string]struct {
		opts []rpc.Option
		want map[string]any
	}{
		"none":           {nil, plain},
		"expiration":     {[]rpc.Option{rpc.Expiration(time.Hour + 1500*time.Microsecond)}, with("expiration", "3600002")},
		"no expiration":  {[]rpc.Option{rpc.Timeout(time.Hour), rpc.Expiration(0)}, plain},
		"priority":       {[]rpc.Option{rpc.Priority(7)}, with("priority", 7.0)},
		"transient":      {[]rpc.Option{rpc.Persistent(false)}, with("delivery_mode", 1.0)},
		"persistent":     {[]rpc.Option{rpc.Persistent(false), rpc.Persistent(true)}, plain},
		"correlation id": {[]rpc.Option{rpc.CorrelationID("mine")}, with("correlation_id", "mine")},
		"headers":        {[]rpc.Option{rpc.Headers(headers)}, with("x-tenant", "acme")},
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		for name, test := range tests {
			var tap tap
			conn := dial(t, uri, rpc.Config{Timeout: -1}, &tap)
			echo, err := rpc.Bind[EchoClient](conn)
			if err != nil {
				t.Fatal(err)
			}
			ctx := rpc.With(t.Context(), test.opts...)
			if err := conn.Client("vec_echo").Call(ctx, "noargs", nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := conn.Client("vec_echo").Go(ctx, "noargs").Result(t.Context(), nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := echo.NoArgs(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, p := range tap.published(t) {
				changed(t, name, p, test.want)
			}
		}
	})
}

// changed compares the properties of a request that differ from their defaults.
func changed(t *testing.T, name string, p published, want map[string]any) {
	t.Helper()
	got := p.Properties
	headers := got["headers"].(map[string]any)
	if ids, ok := headers["nameko.call_id_stack"].([]any); !ok || len(ids) != 1 || !p.Mandatory {
		t.Errorf("%s: got stack %v, mandatory %t", name, ids, p.Mandatory)
	}
	if tenant, ok := headers["x-tenant"]; ok {
		got["x-tenant"] = tenant
	}
	for _, always := range []string{"headers", "content_type", "content_encoding", "reply_to"} {
		delete(got, always)
	}
	if want["correlation_id"] == nil {
		delete(got, "correlation_id")
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

// EchoClient is a typed client of [Echo].
type EchoClient struct {
	_ rpc.Client `rpc:"vec_echo"`

	NoArgs func(context.Context) error `rpc:"noargs"`
}

func TestTimeoutOption(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		requests := newPeer(t, uri).bind("mute.*")
		client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("mute")
		ctx := rpc.With(t.Context(), rpc.Timeout(time.Second))
		for _, call := range []func() error{
			func() error { return client.Call(ctx, "ask", nil) },
			func() error { return client.Go(ctx, "ask").Result(t.Context(), nil) },
		} {
			if err := call(); !errors.Is(err, rpc.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want ErrTimeout", err)
			}
			if request := hosttest.Next(t, requests); request.Expiration == "" {
				t.Error("got no expiration, want what was left")
			}
		}
	})
}

// If two calls had the same correlation id, the second would take the first one's reply.
func TestCorrelationIDTaken(t *testing.T) {
	uri := brokertest.Embedded(t)
	newPeer(t, uri).bind("mute.*")
	client := dial(t, uri, rpc.Config{}, nil).Client("mute")
	ctx := rpc.With(t.Context(), rpc.CorrelationID("one"))
	first, cancel := context.WithCancel(ctx)
	r := client.Go(first, "ask")
	if err := client.Call(ctx, "ask", nil); err == nil || !strings.Contains(err.Error(), `mute.ask: correlation id "one" is used by another pending call`) {
		t.Errorf("got %v, want that the id is taken", err)
	}
	cancel()
	if err := r.Result(t.Context(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from the first call, want that it waited on", err)
	}
}

// Options do not apply to the calls that the callee makes, even if it runs with the caller's ctx.
func TestOptionsStay(t *testing.T) {
	uri := brokertest.Embedded(t)
	start(t, uri, new(Echo))
	f := new(Front)
	p := start(t, uri, f)
	conn := dial(t, uri, rpc.Config{}, nil)
	ctx := rpc.With(t.Context(), rpc.Priority(9), rpc.Timeout(hosttest.Timeout))
	if err := conn.Client("front").Call(ctx, "relay", nil, "vec_echo", "noargs"); err != nil {
		t.Fatal(err)
	}
	for _, sent := range p.tap.published(t) {
		if sent.Properties["priority"] != 0.0 {
			t.Errorf("%s: got priority %v, want 0", sent.Key, sent.Properties["priority"])
		}
	}
	if got := service.FromContext(ctx); got != nil {
		t.Errorf("got %v, want no call", got)
	}
}

// TestParent makes calls for a page of a control panel, which has its own call ids.
func TestParent(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		var tap tap
		conn := dial(t, uri, rpc.Config{Timeout: -1}, &tap)
		ctx := rpc.With(t.Context(), rpc.Parent("panel.run.7"))
		if err := conn.Client("vec_echo").Call(ctx, "noargs", nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Client("vec_echo").Call(t.Context(), "noargs", nil); err != nil {
			t.Fatal(err)
		}
		var stacks []any
		for _, p := range tap.published(t) {
			stacks = append(stacks, p.Properties["headers"].(map[string]any)["nameko.call_id_stack"])
		}
		if len(stacks) != 2 || !reflect.DeepEqual(stacks[0], []any{"panel.run.7"}) || reflect.DeepEqual(stacks[1], stacks[0]) {
			t.Errorf("the requests have the stacks %v", stacks)
		}
	})
}
