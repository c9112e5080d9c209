package shell

import (
	"context"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	framework "github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A ticker yields an item when the test wants it to.
type ticker struct {
	_ framework.Name `service:"ticker"`

	Entrypoints struct {
		Tick rpc.Method `rpc:"tick(n, fail=False)"`
	}

	next chan struct{}
}

func (k *ticker) Tick(_ context.Context, n int, fail bool) (iter.Seq2[any, error], error) {
	return func(yield func(any, error) bool) {
		for i := range n {
			<-k.next
			if !yield(map[string]any{"n": i, "none": nil}, nil) {
				return
			}
		}
		if fail {
			yield(nil, rpc.NewError("ticker.Broken", "the spring broke"))
		}
	}, nil
}

// An expression whose value is a stream prints each item when it arrives.
func TestLoopPrintsStream(t *testing.T) {
	t.Parallel()
	k := &ticker{next: make(chan struct{})}
	at := transport.Config{URI: brokertest.Embedded(t)}
	hosttest.Start(t, hosttest.Config{Broker: at}, k)
	caller := hosttest.Caller(t, at, rpc.Config{})
	for expression, want := range map[string]string{
		"n.rpc.ticker.tick(2)":            "",
		"n.rpc.ticker.tick(2, fail=True)": "Broken: the spring broke\n",
		"list(n.rpc.ticker.tick(2))":      "",
	} {
		lines := make(chan string, 10)
		var errs strings.Builder
		s := &Shell{Caller: caller, Stdout: hosttest.Lines(func(line string) { lines <- line }), Stderr: &errs}
		session, end := s.begin(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.loop(session, &typed{lines: []string{expression}}) }()
		k.next <- struct{}{}
		if strings.HasPrefix(expression, "n.") {
			if got := hosttest.Receive(t, "a line", lines); got != "{'n': 0, 'none': None}" {
				t.Errorf("%s: got %q as the first item", expression, got)
			}
		}
		k.next <- struct{}{}
		if err := hosttest.Receive(t, "the end of the loop", ended); err != io.EOF {
			t.Error(err)
		}
		all := "{'n': 1, 'none': None}"
		if strings.HasPrefix(expression, "list") {
			all = "[{'n': 0, 'none': None}, " + all + "]"
		}
		if got := hosttest.Receive(t, "a line", lines); got != all || len(lines) > 0 || errs.String() != want {
			t.Errorf("%s: got %q, %d further lines and the error %q, want %s and %q", expression, got, len(lines), errs.String(), all, want)
		}
		end()
	}
}
