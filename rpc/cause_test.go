package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// causes are the errors of a call that errors.Is distinguishes.
var causes = map[string]error{
	"unknown service": rpc.ErrUnknownService,
	"no consumers":    rpc.ErrNoConsumers,
	"late":            rpc.ErrTimeout,
	"deadline":        context.DeadlineExceeded,
	"worker timeout":  rpc.ErrWorkerTimeout,
	"connection lost": rpc.ErrConnectionLost,
	"cancelled":       context.Canceled,
	"closed":          transport.ErrClosed,
	"remote":          errWorker,
}

// TestCauses checks, for each way in which a call ends without a result, what errors.Is finds and
// what the text says.
func TestCauses(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		w := newWorker()
		start(t, uri, w)
		start(t, uri, new(Echo)).stop(t) // keeps its queue
		conn := dial(t, uri, rpc.Config{}, nil)
		short := rpc.With(t.Context(), rpc.Timeout(time.Second))
		cancelled, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the user has left"))
		closed := dial(t, uri, rpc.Config{}, nil)
		if err := closed.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var tap tap
		cut := dial(t, uri, rpc.Config{}, &tap)
		_ = cut.Client("nobody").Call(t.Context(), "ask", nil) // opens the channel
		tap.deaf.Store(true)                                   // so it never hears that the broker has the request
		requests := newPeer(t, uri).bind("mute.*")
		go func() {
			<-requests
			tap.Cut()
		}()
		tests := map[string]struct {
			conn            *rpc.Caller
			ctx             context.Context
			service, method string
			want            string // of causes
			text            string
		}{
			"unknown":   {conn, t.Context(), "nobody", "ask", "unknown service", "Unknown service `nobody`"},
			"consumers": {conn, short, "vec_echo", "noargs", "no consumers, late, deadline", "vec_echo.noargs: no reply: context deadline exceeded after |; nobody consumes queue rpc-vec_echo (ready messages: "},
			"timeout":   {conn, short, "worker", "hold", "late, deadline", "worker.hold: no reply: context deadline exceeded after |; queue rpc-worker has consumers: 1, ready messages: "},
			"worker":    {conn, t.Context(), "worker", "slow", "late, worker timeout", "TimeoutError: "},
			"cancelled": {conn, cancelled, "worker", "hold", "cancelled", "worker.hold: not sent: |the user has left"},
			"remote":    {conn, t.Context(), "worker", "wrapped", "remote", "Unwilling: job 7: will not, ever"},
			"lost":      {cut, t.Context(), "mute", "ask", "connection lost", "mute.ask: "},
			"closed":    {closed, t.Context(), "worker", "hold", "closed", "worker.hold: "},
		}
		for name, test := range tests {
			err := test.conn.Client(test.service).Call(test.ctx, test.method, nil)
			for cause, target := range causes {
				want := strings.Contains(test.want, cause)
				if got := errors.Is(err, target); got != want {
					t.Errorf("%s: got %t for %s, want %t: %v", name, got, cause, want, err)
				}
			}
			for text := range strings.SplitSeq(test.text, "|") {
				if !strings.Contains(fmt.Sprint(err), text) {
					t.Errorf("%s: got %v, want …%s…", name, err, text)
				}
			}
		}
	})
}

// However many calls time out together, their queue is probed once.
func TestOneLook(t *testing.T) {
	uri := brokertest.Embedded(t)
	start(t, uri, newWorker()).stop(t)
	var tap tap
	client := dial(t, uri, rpc.Config{}, &tap).Client("worker")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if err := client.Call(ctx, "nothing", nil); !errors.Is(err, rpc.ErrNoConsumers) {
				t.Errorf("got %v, want ErrNoConsumers", err)
			}
		})
	}
	calls.Wait()
	looks := 0
	for _, m := range tap.Sent(t) {
		if q, ok := m.(*frame.QueueDeclare); ok && q.Passive {
			looks++
		}
	}
	if looks != 1 {
		t.Errorf("got %d looks, want 1", looks)
	}
}
