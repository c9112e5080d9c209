package runner

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestTopology lists the queues of services that are not running, and deletes the empty ones. A
// message that waits for a missing queue keeps its delay queue, although a client sees no message
// in it.
func TestTopology(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		b := &Billing{mended: new(atomic.Bool), billed: make(chan int, 1)}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, b, service.Configure(fleet.Control(fleet.ControlConfig{})))
		conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
		if err != nil {
			t.Fatal(err)
		}
		defer hosttest.Close(t, conn.Close)
		parkSome(t, conn, "full", 1)
		var queues deadletter.Queues
		delay := queues.Delay("gone", time.Millisecond)
		for _, topology := range []transport.Topology{delay, {Queues: []transport.Queue{queues.Dead("empty"), queues.Dead("bills"), {Name: "other", Durable: true}}}} {
			if err := conn.Declare(t.Context(), topology); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Delete(t.Context(), "gomeko.retry.gone"); err != nil {
			t.Fatal(err)
		}
		hidden := deadletter.DelayQueue("gone", time.Millisecond)
		if err := conn.Publish(t.Context(), transport.Publishing{Key: hidden, Mandatory: true}); err != nil {
			t.Fatal(err)
		}
		run := func(answer, args string, status int) (stdout, stderr string) {
			t.Helper()
			file := filepath.Join(t.TempDir(), "answer")
			if err := os.WriteFile(file, []byte(answer), 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var out, diagnostics strings.Builder
			c := &command{in: in, out: &out, err: &diagnostics, statistics: time.Millisecond}
			if got := c.execute(c.gomeko(), append(strings.Fields(args), "--broker="+uri, "--management="+api)); got != status {
				t.Errorf("gomeko %s: status %d, want %d: %s", args, got, status, diagnostics.String())
			}
			return out.String(), diagnostics.String()
		}
		want := "QUEUE TYPE MESSAGES CONSUMERS USED gomeko.dead.empty quorum 0 0 no gomeko.dead.full quorum 1 0 no gomeko.delay.gone.1 quorum 1 0 no"
		got := hosttest.Poll(func() (string, bool) { // RabbitMQ counts every 5 s
			out, _ := run("", "topology", 0)
			out = strings.Join(strings.Fields(out), " ")
			return out, out == want
		})
		if got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		if got, _ := run("", "topology --all --json", 0); !strings.Contains(got, `{"name":"gomeko.retry.bills","type":"quorum","messages":0,"consumers":1,"exclusive":false,"used":true}`) || strings.Contains(got, `"other"`) {
			t.Errorf("got\n%s", got)
		}
		for answer, status := range map[string]int{"": 2, "\n": 0, "no\n": 0} {
			if got, _ := run(answer, "topology prune", status); got != "" {
				t.Errorf("answer %q: got %s", answer, got)
			}
		}
		if got, diagnostics := run("y\n", "topology prune", 0); got != "deleted gomeko.dead.empty\n" || !strings.Contains(diagnostics, "delete these queues?") {
			t.Errorf("got %s%s", got, diagnostics)
		}
		if messages, _, err := conn.Inspect(t.Context(), hidden); messages != 0 || err != nil {
			t.Errorf("got %d messages, %v, want that a client counts none", messages, err)
		}
		if _, _, err := conn.Inspect(t.Context(), "gomeko.dead.bills"); err != nil {
			t.Errorf("the queue of a running service: %v", err)
		}
		if got, diagnostics := run("", "topology prune --yes", 0); got != "" || !strings.Contains(diagnostics, "no queue of gomeko is empty and unused") {
			t.Errorf("got %s%s", got, diagnostics)
		}
	})
}
