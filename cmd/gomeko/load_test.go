package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// If a program cancels a call, or the command is interrupted with Ctrl-C, the method's ctx in
// another process ends.
func TestCancelled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := start(t, "", "", "run", "./testdata/work", "--broker", uri)
		p.Line("Connected to ")
		ctx, cancel := context.WithCancel(t.Context())
		reply := dial(t, uri).Client("worker").Go(ctx, "wait", "program")
		p.Line("program waits")
		cancel()
		p.Line("program was cancelled: CancelledError: cancelled by the caller")
		if err := reply.Result(t.Context(), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context canceled", err)
		}

		call := start(t, "", "", "call", "worker.wait", "command", "--broker", uri)
		p.Line("command waits")
		call.Signal(syscall.SIGINT)
		p.Line("command was cancelled: CancelledError: cancelled by the caller")
		if got := call.Wait(); got != 1 {
			t.Errorf("got exit status %d, want 1:\n%s", got, call.Stderr())
		}
	})
}

// Two instances run the calls of three processes: Go, the shell and Python. Meanwhile one instance
// receives SIGTERM. Each call must run once and be answered once.
func TestStopUnderLoad(t *testing.T) {
	const fromGo, fromShell, fromPython = 1000, 300, 300
	brokertest.Each(t, func(t *testing.T, uri string) {
		count := countReplies(t, uri)
		leaving := start(t, "", "", "run", "./testdata/work", "--broker", uri)
		leaving.Line("Connected to ")
		staying := start(t, "", "", "run", "./testdata/work", "--broker", uri)
		staying.Line("Connected to ")

		shell := start(t, "", fmt.Sprintf(`
replies = [n.rpc.worker.double.call_async(i) for i in range(%d, %d)]
print([r.result() for r in replies] == [2 * i for i in range(%[1]d, %[2]d)])
`, fromGo, fromGo+fromShell), "shell", "--broker", uri)
		python := startPython(t, uri, fromGo+fromShell, fromPython)
		numbers := make([]int, fromGo)
		for n := range numbers {
			numbers[n] = n
		}
		client := dial(t, uri).Client("worker")
		n := 0
		for got, err := range rpc.Parallel(t.Context(), 50, numbers, func(ctx context.Context, n int) (got int, err error) {
			err = client.Call(ctx, "double", &got, n)
			return got, err
		}) {
			if err != nil || got != 2*n {
				t.Errorf("call %d: got %d, %v", n, got, err)
			}
			if n++; n == fromGo/4 {
				leaving.Signal(syscall.SIGTERM)
			}
		}
		if shell.Wait() != 0 || shell.Stdout() != "True\n" {
			t.Errorf("shell: got %q:\n%s", shell.Stdout(), shell.Stderr())
		}
		calls := fromGo + fromShell + python(t)

		staying.Signal(syscall.SIGTERM)
		for _, p := range []*hosttest.Process{leaving, staying} {
			if got := p.Wait(); got != 0 {
				t.Errorf("got exit status %d, want 0:\n%s", got, p.Stderr())
			}
		}
		ran := map[string]int{}
		for _, p := range []*hosttest.Process{leaving, staying} {
			for _, line := range strings.Split(p.Stderr(), "\n") {
				if strings.HasPrefix(line, "doubled ") {
					ran[line]++
				}
			}
		}
		for call, times := range ran {
			if times != 1 {
				t.Errorf("%s: got it run %d times", call, times)
			}
		}
		requests, replies := count(t)
		for id, times := range replies {
			if times != 1 {
				t.Errorf("call %s: got %d replies, want 1", id, times)
			}
		}
		if len(ran) != calls || requests != calls || len(replies) != calls {
			t.Errorf("got %d requests, %d run and %d answered, want %d", requests, len(ran), len(replies), calls)
		}
		t.Logf("%d calls: %d run, %d answered; by the instance that was stopped among them %d, %s", calls, len(ran), len(replies),
			strings.Count(leaving.Stderr(), "doubled "), leaving.Line("msg=drained"))
	})
}

// countReplies counts the messages in the exchange of calls. The returned func stops counting. It
// returns the number of requests, and the number of replies by correlation ID.
func countReplies(t *testing.T, uri string) func(t *testing.T) (requests int, replies map[string]int) {
	t.Helper()
	ch := brokertest.Channel(t, uri)
	const exchange = "nameko-rpc"
	if err := ch.ExchangeDeclare(exchange, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	all := brokertest.Bind(t, ch, exchange, "#")
	return func(t *testing.T) (requests int, replies map[string]int) {
		t.Helper()
		const last = "the last one"
		if err := ch.PublishWithContext(t.Context(), exchange, last, false, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
		replies = map[string]int{}
		for d := range all {
			switch {
			case d.RoutingKey == last:
				return requests, replies
			case d.ReplyTo != "":
				requests++
			default:
				replies[d.CorrelationId]++
			}
		}
		t.Fatal("the connection was lost")
		return 0, nil
	}
}

// startPython makes n concurrent calls with Nameko, if it is installed, with numbers from first on.
// The returned func waits for the results and returns their number.
func startPython(t *testing.T, uri string, first, n int) func(t *testing.T) int {
	t.Helper()
	const python = "../../.venv/bin/python"
	if _, err := os.Stat(python); err != nil {
		t.Log("no Nameko here: see make setup")
		return func(*testing.T) int { return 0 }
	}
	type call struct {
		Service string `json:"service"`
		Method  string `json:"method"`
		Args    []int  `json:"args"`
	}
	calls := make([]call, n)
	for i := range calls {
		calls[i] = call{"worker", "double", []int{first + i}}
	}
	line, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "caller.py", uri) // the path is relative to its folder
	cmd.Dir = "../../interop/peer"
	cmd.Stdin = strings.NewReader(string(line) + "\n")
	cmd.Stderr = t.Output()
	results := make(chan []byte, 1)
	go func() {
		out, _ := cmd.Output() // the number of results is checked below
		results <- out
	}()
	return func(t *testing.T) int {
		t.Helper()
		var outcomes []struct {
			Result string `json:"result"`
			Text   string `json:"text"`
		}
		if err := json.Unmarshal(<-results, &outcomes); err != nil || len(outcomes) != n {
			t.Errorf("caller.py: got %d results, %v, want %d", len(outcomes), err, n)
		}
		for i, o := range outcomes {
			if want := fmt.Sprint(2 * (first + i)); o.Result != want {
				t.Errorf("call %d from Python: got %s %s, want %s", first+i, o.Result, o.Text, want)
			}
		}
		return n
	}
}
