package interop_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/rpc"
)

// startNameko runs what a module in the folder dir has of services, or the class of it that is named, until the test ends.
func startNameko(t *testing.T, uri, dir, config, module, service string) {
	t.Helper()
	launchNameko(t, venv, uri, dir, config, module).started(t, service)
}

// A process is a process of Nameko's command, or what has become of it.
type process struct {
	cmd     *exec.Cmd
	names   chan string   // of the services, when they have started
	dropped chan string   // what it says of messages that it cannot decode
	ended   chan struct{} // closed when it has ended
}

// launchNameko begins to start one.
func launchNameko(t *testing.T, venv, uri, dir, config, module string) *process {
	t.Helper()
	n := &process{
		cmd:   pythonOf(t, venv, "-m", "nameko", "run", "--config", config, module),
		names: make(chan string, 1), dropped: make(chan string, 100), ended: make(chan struct{}),
	}
	n.cmd.Dir = dir
	n.cmd.Env = append(os.Environ(), "AMQP_URI="+uri)
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(n.ended)
		n.read(stderr, t.Output())
		_ = n.cmd.Wait() // what its status is, tests ask for
	}()
	t.Cleanup(func() { <-n.ended })
	return n
}

func (n *process) read(stderr io.Reader, log io.Writer) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if names, ok := strings.CutPrefix(lines.Text(), "services started: "); ok {
			n.names <- names
		}
		if strings.HasPrefix(lines.Text(), "Can't decode message body") {
			n.dropped <- lines.Text()
		}
	}
}

// started waits until its services, by their names, can be called.
func (n *process) started(t *testing.T, services string) {
	t.Helper()
	select {
	case names := <-n.names:
		if names != services {
			t.Fatalf("got the services %s started, want %s", names, services)
		}
	case <-n.ended:
		t.Fatal("the Nameko service ended at its start")
	case <-time.After(patience):
		t.Fatalf("the Nameko service did not start in %s", patience)
	}
}

// patience is for what takes no time unless it is broken.
const patience = 3 * time.Minute

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

// An outcome is what became of a call, as Python sees it: a result, or what was raised.
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
	return startCallerOf(t, venv, uri)
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

// start makes calls, all before the first outcome is there. The func that it returns waits for them.
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

// python returns a command of the virtual environment, in peer, that is killed when the test ends. If there is no such
// environment the test is skipped, or fails if CI=true.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return pythonOf(t, venv, args...)
}

// The virtual environments: with the kombu of Nameko's time, and with one that writes values in envelopes.
const (
	venv         = ".venv"
	venvKombu5_4 = ".venv-kombu5.4"
)

func pythonOf(t *testing.T, venv string, args ...string) *exec.Cmd {
	t.Helper()
	venv, err := filepath.Abs(filepath.Join("..", venv))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(venv, "requirements.txt")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Nameko in " + venv + ": see what scripts/setup says")
		}
		t.Skip("no Nameko in " + venv + ": run scripts/setup")
	}
	args = slices.Concat([]string{filepath.Join(venv, "bin", "python")}, args)
	if _, err := exec.LookPath("setpriv"); err == nil {
		// For a test that dies without its cleanup.
		args = slices.Concat([]string{"setpriv", "--pdeathsig", "KILL"}, args)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = "peer"
	return cmd
}
