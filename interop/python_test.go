package interop_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
)

// startNameko runs the services of a module in the folder dir, or the one class of it that is
// named, until the test ends. started are the names that Nameko reports.
func startNameko(t *testing.T, uri, dir, config, module, started string) {
	t.Helper()
	launchNameko(t, hosttest.Kombu5_2, uri, dir, config, module).started(t, started)
}

// A peer is a process of the command nameko.
type peer struct {
	*hosttest.Process
	dropped chan string // its lines about messages that it cannot decode
}

// launchNameko starts one and does not wait for its services.
func launchNameko(t *testing.T, venv, uri, dir, config, module string) *peer {
	t.Helper()
	n := &peer{dropped: make(chan string, 100)}
	cmd := exec.Command(hosttest.Python(t, venv), "-m", "nameko", "run", "--config", config, module)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "AMQP_URI="+uri)
	cmd.Stderr = hosttest.Lines(func(line string) {
		if strings.HasPrefix(line, "Can't decode message body") {
			n.dropped <- line
		}
	})
	n.Process = hosttest.StartProcess(t, cmd)
	t.Cleanup(n.Kill) // without a wait for its stop
	return n
}

// started waits until its services, by their names, can be called.
func (n *peer) started(t *testing.T, services string) {
	t.Helper()
	if got, want := n.Line("services started: "), "services started: "+services; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// A caller is peer/caller.py: a script that uses Nameko's ClusterRpcProxy.
type caller struct {
	calls    *json.Encoder
	outcomes *json.Decoder
}

// A call is made by a caller.
type call struct {
	Service string         `json:"service"`
	Method  string         `json:"method"`
	Args    []any          `json:"args,omitempty"`
	Kwargs  map[string]any `json:"kwargs,omitempty"`
	Value   string         `json:"value,omitempty"` // of peer/values.py, in place of Args

	Serializer  string         `json:"serializer,omitempty"` // json unless it is given
	Compression string         `json:"compression,omitempty"`
	Context     map[string]any `json:"context,omitempty"`
	Timeout     float64        `json:"timeout,omitempty"`  // in seconds
	ReplyTo     *string        `json:"reply_to,omitempty"` // in place of a queue: nobody waits for the reply
}

// An outcome is the outcome of a call as Python sees it: a result, or the exception that was
// raised.
type outcome struct {
	Result string `json:"result"` // Python's repr of it
	JSON   string `json:"json"`

	Raised string    `json:"raised"` // the class
	Text   string    `json:"text"`
	Error  rpc.Error `json:"error"` // as it came
}

func (o outcome) String() string {
	if o.Raised != "" {
		return o.Raised + ": " + o.Text
	}
	return o.Result
}

// startCaller starts one that calls by the broker at uri.
func startCaller(t *testing.T, uri string) *caller {
	t.Helper()
	return startCallerOf(t, hosttest.Kombu5_2, uri)
}

func startCallerOf(t *testing.T, venv, uri string) *caller {
	t.Helper()
	cmd := pythonOf(t, venv, "caller.py", uri)
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // it was killed
	return &caller{json.NewEncoder(stdin), json.NewDecoder(stdout)}
}

// call makes calls and waits for their outcomes.
func (c *caller) call(t *testing.T, calls ...call) []outcome {
	t.Helper()
	return c.start(t, calls...)(t)
}

// start makes calls, all before the first outcome is there. The func that it returns waits for
// them.
func (c *caller) start(t *testing.T, calls ...call) func(t *testing.T) []outcome {
	t.Helper()
	if err := c.calls.Encode(calls); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) (outcomes []outcome) {
		t.Helper()
		if err := c.outcomes.Decode(&outcomes); err != nil {
			t.Fatalf("caller.py: %v", err)
		}
		if len(outcomes) != len(calls) {
			t.Fatalf("got %d outcomes of %d calls", len(outcomes), len(calls))
		}
		return outcomes
	}
}

// python returns a command of the virtual environment, in the folder peer, that is killed when the
// test ends. Without that environment the test is skipped, or fails if CI=true.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return pythonOf(t, hosttest.Kombu5_2, args...)
}

func pythonOf(t *testing.T, venv string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hosttest.Python(t, venv), args...)
	cmd.Dir = "peer"
	return cmd
}
