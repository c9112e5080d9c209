package web_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Front calls another service and returns the error that it gets.
type Front struct {
	_ service.Name `service:"front"`

	Entrypoints struct {
		Get web.Route        `web:"GET /back/{method}"`
		Ask web.SocketMethod `web:"ask(method)" method:"Get"`
	}

	Back    rpc.Client `rpc:"back"`
	Unknown rpc.Client `rpc:"nobody"`
	Away    rpc.Client `rpc:"away"`
}

func (f *Front) Get(ctx context.Context, method string) error {
	short := rpc.With(ctx, rpc.Timeout(time.Second))
	switch method {
	case "unknown":
		return f.Unknown.Call(ctx, "get", nil)
	case "away":
		return f.Away.Call(short, "get", nil)
	case "slow":
		return f.Back.Call(short, method, nil)
	}
	return fmt.Errorf("back: %w", f.Back.Call(ctx, method, nil))
}

// Back fails.
type Back struct {
	_ service.Name `service:"back"`

	Entrypoints struct {
		One    rpc.Method `rpc:"one(a)"`
		Refuse rpc.Method `rpc:"refuse"`
		Fail   rpc.Method `rpc:"fail"`
		Slow   rpc.Method `rpc:"slow"`
		Relay  rpc.Method `rpc:"relay"`
		Gone   rpc.Method `rpc:"gone"`
		Twice  rpc.Method `rpc:"twice"`
		Closed rpc.Method `rpc:"closed"`
	}

	Back rpc.Client `rpc:"back"`
}

func (*Back) One(context.Context, int) error { return nil }
func (*Back) Refuse(context.Context) error   { return rpc.NewError("back.Taken", "the name is taken") }
func (*Back) Gone(context.Context) error     { return errGone.With(7) }
func (*Back) Closed(context.Context) error   { return web.Status(423, errors.New("closed for today")) }
func (b *Back) Twice(ctx context.Context) error {
	if err := b.Back.Call(ctx, "gone", nil); !errors.Is(err, errGone) {
		return err
	}
	return fmt.Errorf("twice: %w", b.Back.Call(ctx, "gone", nil))
}

// errGone is declared with its status.
var errGone = rpc.NewError("back.Gone", "order %d is gone").WithStatus(410)

func (*Back) Fail(context.Context) error        { return errors.New("secret: disk full") }
func (*Back) Slow(ctx context.Context) error    { <-ctx.Done(); return ctx.Err() }
func (b *Back) Relay(ctx context.Context) error { return b.Back.Call(ctx, "fail", nil) }

// An error from another service is the client's fault only if that service declares it to be.
func TestDownstream(t *testing.T) {
	t.Parallel()
	broker := transport.Config{URI: brokertest.Embedded(t)}
	conn := hosttest.Dial(t, broker)
	if err := conn.Declare(t.Context(), transport.Topology{
		Exchanges: []transport.Exchange{{Name: "nameko-rpc", Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: "rpc-away", Durable: true}},
		Bindings:  []transport.Binding{{Queue: "rpc-away", Exchange: "nameko-rpc", Key: "away.*"}},
	}); err != nil {
		t.Fatal(err)
	}
	p := start(t, web.Config{}, new(Front), new(Back), service.Configure(broker))
	socket := p.socket(t)
	for _, test := range []struct {
		method string
		status int
		kind   string
		level  string
	}{
		{"refuse", 400, "Taken", "WARN"},
		{"gone", 410, "Gone", "WARN"},
		{"twice", 410, "Gone", "WARN"},
		{"closed", 423, "Locked", "WARN"},
		{"none", 500, "InternalServerError", "ERROR"},
		{"one", 500, "InternalServerError", "ERROR"}, // without its argument
		{"fail", 500, "InternalServerError", "ERROR"},
		{"relay", 500, "InternalServerError", "ERROR"},
		{"slow", 504, "GatewayTimeout", "ERROR"},
		{"unknown", 503, "ServiceUnavailable", "ERROR"},
		{"away", 503, "ServiceUnavailable", "ERROR"},
	} {
		logged := len(p.Log.String())
		status, _, text := request(t, p, "GET", "/back/"+test.method, "", "")
		if status != test.status || !strings.HasPrefix(text, "Error: "+test.kind+": ") || strings.Contains(text, "secret") {
			t.Errorf("%s: got %d %q, want %d %s", test.method, status, text, test.status, test.kind)
		}
		if test.method == "closed" { // it has no name on the wire
			test.kind = "Exception"
		}
		answer := ask(t, socket, fmt.Sprintf(`{"method": "ask", "data": {"method": %q}}`, test.method))
		if !strings.Contains(answer, fmt.Sprintf(`"exc_type": %q`, test.kind)) || strings.Contains(answer, "secret") {
			t.Errorf("%s: got %s by websocket, want %s", test.method, answer, test.kind)
		}
		for _, method := range []string{"get", "ask"} {
			line := fmt.Sprintf("level=%s msg=\"call failed\" service=front method=%s ", test.level, method)
			if log := p.Log.String()[logged:]; !strings.Contains(log, line) {
				t.Errorf("%s: want %s in the log:\n%s", test.method, line, log)
			}
		}
	}
}
