package interop_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// startPeer runs peer/peer.py, the service python_peer, until the test ends.
func startPeer(t *testing.T, uri string) {
	t.Helper()
	startNameko(t, uri, "peer", "config.yaml", "peer", "python_peer")
}

// startNameko runs what a module in the folder dir has of services, or the class of it that is named, until the test ends.
func startNameko(t *testing.T, uri, dir, config, module, service string) {
	t.Helper()
	startNamekoOf(t, venv, uri, dir, config, module, service)
}

func startNamekoOf(t *testing.T, venv, uri, dir, config, module, service string) {
	t.Helper()
	cmd := pythonOf(t, venv, "-m", "nameko", "run", "--config", config, module)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "AMQP_URI="+uri)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(t.Output(), lines.Text())
			if lines.Text() == "services started: "+service {
				close(started)
			}
		}
	}()
	t.Cleanup(func() {
		<-ended
		_ = cmd.Wait() // it was killed
	})
	select {
	case <-started:
	case <-ended:
		t.Fatal("the Nameko service ended at its start")
	case <-time.After(time.Minute):
		t.Fatal("the Nameko service did not start in a minute")
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
}

// An outcome is what became of a call, as Python sees it: {"result"} or {"error": {"class", "args", "text"}}.
type outcome = json.RawMessage

// startCaller starts one that calls by the broker at uri, with another serializer than JSON if one is named.
func startCaller(t *testing.T, uri string, serializer ...string) *caller {
	t.Helper()
	cmd := python(t, append([]string{"caller.py", uri}, serializer...)...)
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

// call sends all calls before it waits for the first outcome.
func (c *caller) call(t *testing.T, calls ...call) []outcome {
	t.Helper()
	if err := c.calls.Encode(calls); err != nil {
		t.Fatal(err)
	}
	var outcomes []outcome
	if err := c.outcomes.Decode(&outcomes); err != nil {
		t.Fatalf("caller.py: %v", err)
	}
	if len(outcomes) != len(calls) {
		t.Fatalf("got %d outcomes of %d calls", len(outcomes), len(calls))
	}
	return outcomes
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
