package soak_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Echo returns its argument after a delay.
type Echo struct {
	_ service.Name `service:"echo"`

	Entrypoints struct {
		Echo rpc.Method `rpc:"echo(value, milliseconds)"`
		Fail rpc.Method `rpc:"fail()"`
	}
}

func (e *Echo) Echo(ctx context.Context, value int64, milliseconds int) (int64, error) {
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return value, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

var errFailed = rpc.NewError("soak.Failed", "it failed")

func (e *Echo) Fail(context.Context) error { return errFailed }

// TestSoakCalls calls a service in two processes, while connections on both sides are cut,
// processes are killed, and the broker is stopped and killed. Each call must end in time, with its
// result or an error that says what happened. Afterwards calls must succeed, and no message of
// earlier calls may be left.
func TestSoakCalls(t *testing.T) {
	span, happenings := 4*time.Second, []string{killProcess, cutProcess, cutCallers, stopBroker}
	if whole() {
		span = 2 * time.Minute
		happenings = slices.Concat(slices.Repeat(happenings[:3], 8), []string{stopBroker, killBroker})
	}
	chance := chance(t)
	node := brokertest.StartNode(t)
	nobody := func(line string) { t.Errorf("a process reported %q", line) }
	processes := []*process{start(t, "echo", node.URI(), nobody), start(t, "echo", node.URI(), nobody)}
	for _, p := range processes {
		p.wait()
	}

	begin := time.Now()
	l := newLoad(t, node.URI(), chance)
	for _, h := range schedule(chance, int(span.Milliseconds()), happenings...) {
		<-time.After(time.Until(begin.Add(time.Duration(h.at) * time.Millisecond)))
		t.Logf("%.1f s: %s", time.Since(begin).Seconds(), h.what)
		p := processes[chance.IntN(len(processes))]
		switch h.what {
		case killProcess:
			p.kill()
			p.start()
		case cutProcess:
			p.cut()
		case cutCallers:
			l.sockets.cut()
		case stopBroker:
			l.without(node, node.Stop)
		case killBroker:
			l.without(node, node.Kill)
		}
	}
	<-time.After(max(time.Second, time.Until(begin.Add(span))))
	l.stop(t)
	for _, p := range processes {
		p.wait()
	}
	l.recovered(t)
	drained(t, node, 1+len(l.conns)+len(processes)) // for the service, for replies, and for cancellations
	l.close(t)
	for _, p := range processes {
		p.stop()
	}
	drained(t, node, 1)
	t.Logf("%.1f s: calls by outcome: %v; latest by %v; memory grew by %d KiB", time.Since(begin).Seconds(), l.outcomes, l.latest, l.grown>>10)
}
