package main_test

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A ticker yields an item when the test wants it to.
type ticker struct {
	_ service.Name `service:"ticker"`

	Entrypoints struct {
		Tick rpc.Method `rpc:"tick(n, fail=False)"`
	}

	next  chan struct{}
	ended chan error // receives the cause of ctx's end
}

type tick struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func (k *ticker) Tick(ctx context.Context, n int, fail bool) (iter.Seq2[tick, error], error) {
	return func(yield func(tick, error) bool) {
		defer func() { k.ended <- context.Cause(ctx) }()
		for i := range n {
			select {
			case <-k.next:
			case <-ctx.Done():
				return
			}
			if !yield(tick{i, "é\x1b"}, nil) {
				return
			}
		}
		if fail {
			yield(tick{}, rpc.NewError("ticker.Broken", "the spring broke"))
		}
	}, nil
}

// The command, and also a script of the shell, prints a line for each item when it arrives. An
// error is printed after the items before it. A streaming method ends when the command does.
func TestCallStream(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		k := &ticker{next: make(chan struct{}), ended: make(chan error, 1)}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, k)
		const line = `{"n":%d,"text":"é\u001b"}`
		script := "for k in n.rpc.ticker.tick(3):\n  print(k['n'], len(k))\n"
		tests := map[string]struct {
			stdin  string
			args   []string
			item   string // a pattern for a line
			status int
			stderr string
		}{
			"call":       {"", []string{"call", "ticker.tick", "3"}, line, 0, ""},
			"call fails": {"", []string{"call", "ticker.tick", "3", "fail=true"}, line, 1, "Broken: the spring broke"},
			"shell":      {script, []string{"shell"}, "%d 2", 0, ""},
			"shell fails": {strings.Replace(script, "tick(3", "tick(3, fail=True", 1), []string{"shell"}, "%d 2", 1,
				"Broken: the spring broke"},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				lines := make(chan string, 10)
				cmd := exec.Command(gomeko, append(test.args, "--broker", uri)...)
				cmd.Stdin, cmd.Stdout = strings.NewReader(test.stdin), hosttest.Lines(func(line string) { lines <- line })
				p := hosttest.StartProcess(t, cmd)
				for i := range 3 {
					if len(lines) > 0 {
						t.Errorf("got %q before the method has made an item", <-lines)
					}
					k.next <- struct{}{}
					if got, want := hosttest.Receive(t, "a line", lines), fmt.Sprintf(test.item, i); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
				hosttest.Receive(t, "the end of the method", k.ended)
				if got := p.Wait(); got != test.status || len(lines) > 0 || !strings.Contains(p.Stderr(), test.stderr) {
					t.Errorf("got exit status %d and %d further lines, want status %d and %q:\n%s", got, len(lines), test.status, test.stderr, p.Stderr())
				}
			})
		}
		p := start(t, "", "", "call", "ticker.tick", "3", "--broker", uri)
		k.next <- struct{}{}
		hosttest.Eventually(t, "a line", func() bool { return strings.HasSuffix(p.Stdout(), "\n") })
		p.Signal(syscall.SIGINT)
		if cause := hosttest.Receive(t, "the end of the method", k.ended); cause == nil || !strings.Contains(cause.Error(), "cancelled by the caller") {
			t.Errorf("got %v, want a cancellation", cause)
		}
		if got := p.Wait(); got != 1 {
			t.Errorf("got exit status %d after Ctrl-C, want 1:\n%s", got, p.Stderr())
		}
	})
}
