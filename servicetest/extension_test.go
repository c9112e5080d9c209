package servicetest_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

// TestEntrypointFinds breaks each rule.
func TestEntrypointFinds(t *testing.T) {
	for _, tc := range []struct{ fault, want string }{
		{"", ""},
		{"knows every key", "tag: servicetest_test.Ring accepts an unknown key"},
		{"looks at keys when all else is right", "tag: servicetest_test.Ring accepts an unknown key"},
		{"takes at bind", "bind: service.New: must acquire nothing before Setup: service belfry: Toll: the bell is taken"},
		{"runs a call twice", "once: 3 provocations made 6 calls"},
		{"ends at a failure", "outcome: a call that failed, and one after it: provoke: nobody hears the bell"},
		{"ends the container at a failure", "service belfry: Toll: a failure that the test wants"},
		{"says nothing of failures", "outcome: a call that failed, and one after it: provoke: the client waits and gets no response"},
		{"drops when busy", "busy: 8 provocations at once, 2 workers: provoke: busy"},
		{"hears on while a call runs", "drain: calls begin while the container stops"},
		{"cuts calls off", "drain: a call that ran when the stop began: provoke: cut off"},
		{"has an empty Kill", "kill: after a kill, another container: service belfry: Toll: the bell is taken"},
		{"waits in Kill", "kill: a kill has not ended after 10s"},
		{"waits for a start", "unwind: another extension failed to set up: a start that failed has not ended after 10s: Stop is also called without Start"},
		{"complains of no start", "unwind: another extension failed to set up: got "},
		{"gives back only what it started", "unwind: another extension failed to start: got service belfry: Toll: the bell is taken, want only its error"},
		{"leaves a goroutine", "bind: goroutines are left"},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, r := newBell(tc.fault), new(recorder)
				defer close(b.over)
				servicetest.TestEntrypoint(r, new(Belfry), b.ring, service.Configure(b))
				switch {
				case tc.want == "" && len(r.failures) > 0:
					t.Errorf("got %q, want no failure", r.failures)
				case tc.want != "" && len(r.failures) == 0:
					t.Errorf("got no failure, want %s", tc.want)
				case tc.want != "" && !strings.Contains(r.failures[0], tc.want):
					t.Errorf("got  %s\nwant %s", r.failures[0], tc.want)
				}
			})
		})
	}
}

// The rows of package rpc follow the same rules.
func TestEntrypointRPC(t *testing.T) {
	b := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	defer b.Close(context.Background())
	at := transport.Config{
		URI:    "amqp://memory",
		Dial:   func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) },
		Logger: slog.New(slog.DiscardHandler),
	}
	hello := func(ctx context.Context) error {
		conn, err := transport.Dial(ctx, at) // a longer-lived one would open channels, which look like leaks
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
		if err != nil {
			return err
		}
		defer caller.Close(context.Background())
		return caller.Client("greeting_service").Call(ctx, "hello", nil, "Julio")
	}
	servicetest.TestEntrypoint(t, new(Greeting), hello, service.Configure(at))
}

// A value that is not a service is reported once, and so is a provocation that makes no call.
func TestEntrypointIsNone(t *testing.T) {
	nobody := func(context.Context) error { return nil }
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			proto any
			want  string
		}{
			{nil, "a first call: service <nil>: must be a pointer to the struct of a service"},
			{new(Wrong), "a first call: service wrong: Missing: no such method"},
			{new(Belfry), "a first call: got 0 calls, want 1: no other began within 10s"},
		} {
			r := new(recorder)
			servicetest.TestEntrypoint(r, tc.proto, nobody, service.Defaults(newBell("")))
			if len(r.failures) != 1 || !strings.HasPrefix(r.failures[0], tc.want) {
				t.Errorf("got %q, want %s", r.failures, tc.want)
			}
		}
	})
}
