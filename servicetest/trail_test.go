package servicetest_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Gate receives a request over HTTP and passes it on by RPC.
type Gate struct {
	_ service.Name `service:"gate"`

	Entrypoints struct {
		Enter web.Route `web:"GET /enter"`
	}

	Yard rpc.Client `rpc:"yard"`
}

func (g *Gate) Enter(ctx context.Context) error {
	slog.InfoContext(ctx, "gate")
	return g.Yard.Call(ctx, "enter", nil)
}

// Yard passes it on with an event to itself, and then with a message.
type Yard struct {
	_ service.Name `service:"yard"`

	Entrypoints struct {
		Enter   rpc.Method         `rpc:"enter"`
		Entered events.Handler     `events:"yard.entered"`
		Last    messaging.Consumer `messaging:"last"`
	}

	Dispatch events.Dispatcher
	Publish  messaging.Publisher `queue:"last"`
}

func (y *Yard) Enter(ctx context.Context) error {
	slog.With("more", 1).InfoContext(ctx, "yard")
	return y.Dispatch(ctx, "entered", 1)
}

func (y *Yard) Entered(ctx context.Context, n int) error {
	slog.InfoContext(ctx, "event")
	return y.Publish(ctx, n)
}

func (y *Yard) Last(ctx context.Context, _ int) error {
	slog.InfoContext(ctx, "message")
	return nil
}

// Every log line that a request causes has the id of its first call, through RPC, events and
// messages, including the lines of the services' own slog calls.
func TestTrail(t *testing.T) {
	t.Parallel()
	var log hosttest.Log
	h := servicetest.New(t, service.Config{Logger: log.Logger()}, new(Gate), new(Yard))
	ended := h.Watch("yard.Last")
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gate/enter", nil)
	request.Header.Set("X-Request-Id", "r-1")
	response, err := h.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	root := ended().Call.Root()
	if !strings.EqualFold(root, "gate.enter.r-1") {
		t.Errorf("got the root %s, want the call of the HTTP request", root)
	}
	for _, text := range []string{"msg=request", "msg=gate", "msg=yard", "msg=event", "msg=message", `msg="call done" service=yard`} {
		line := log.Wait(t, 1, text)[0]
		if strings.Count(line, " root_call_id="+root) != 1 {
			t.Errorf("got %q, want it with the root %s", line, root)
		}
		first := text == "msg=request" || text == "msg=gate"
		if n := strings.Count(line, " parent_call_id="); (n == 0) != first || n > 1 {
			t.Errorf("got %q, with %d ids of parents", line, n)
		}
	}
}
