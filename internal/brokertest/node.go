package brokertest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// A Node is a private RabbitMQ node, which its test may stop and kill. The methods block until they
// are done, and fail the test if they cannot do their work. They must not be called concurrently.
type Node struct {
	t   testing.TB
	dir string

	cmd    *exec.Cmd     // nil while the node is down
	exited chan struct{} // closed when cmd has ended
}

// StartNode starts a node on free ports of 127.0.0.1. It stops the node when the test ends. If
// RabbitMQ is not installed, it skips the test, or fails it if CI=true. settings are Erlang terms
// such as "{channel_max, 7}", for what rabbitmqctl cannot change once the node has started.
func StartNode(t testing.TB, settings ...string) *Node {
	t.Helper()
	n := newNode(t)
	if len(settings) > 0 {
		n.write("advanced.config", "[{rabbit, ["+strings.Join(settings, ", ")+"]}].\n")
	}
	n.Start()
	return n
}

// StartTLSNode is like [StartNode], but the node also serves TLS, on another port, with a
// certificate of ca for 127.0.0.1. It requests client certificates, but accepts clients without
// one. With the login method EXTERNAL, the certificate names the user.
func StartTLSNode(t testing.TB, ca *CA) *Node {
	t.Helper()
	n := newNode(t)
	cert, key := ca.Issue(t, "broker", "127.0.0.1")
	n.write("plugins", "[rabbitmq_auth_mechanism_ssl].\n")
	n.write("tls.conf", fmt.Sprintf(`ssl_options.cacertfile = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_mechanisms.3 = EXTERNAL
ssl_cert_login_from = common_name
`, ca.File, cert, key))
	n.Start()
	return n
}

// StartPrometheusNode is like [StartNode], but the node also serves its metrics.
func StartPrometheusNode(t testing.TB) *Node {
	t.Helper()
	n := newNode(t)
	n.write("plugins", "[rabbitmq_prometheus].\n")
	n.Start()
	return n
}

// StartManagedNode is like [StartNode], but the node also serves its management API.
func StartManagedNode(t testing.TB, settings ...string) *Node {
	t.Helper()
	n := newNode(t)
	n.write("plugins", "[rabbitmq_management].\n")
	n.write("advanced.config", "[{rabbit, ["+strings.Join(settings, ", ")+"]}].\n")
	n.Start()
	return n
}

func newNode(t testing.TB) *Node {
	t.Helper()
	if _, err := os.Stat("/usr/lib/rabbitmq/bin/rabbitmq-server"); err != nil {
		hosttest.Missing(t, "no RabbitMQ is installed to start a node of: run scripts/setup")
	}
	n := &Node{t: t, dir: t.TempDir()}
	t.Cleanup(n.Kill)
	return n
}

// URI returns the URI of the node's virtual host "/". It does not change when the node is
// restarted.
func (n *Node) URI() string {
	n.t.Helper()
	return fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", n.port())
}

// TLSURI is like [Node.URI] for TLS, on nodes of [StartTLSNode].
func (n *Node) TLSURI() string {
	n.t.Helper()
	return fmt.Sprintf("amqps://guest:guest@127.0.0.1:%d/", n.port()+4)
}

// MetricsURL returns the address of the metrics of individual queues, on nodes of
// [StartPrometheusNode]. The query parameters named family select the metrics.
func (n *Node) MetricsURL() string {
	n.t.Helper()
	return fmt.Sprintf("http://127.0.0.1:%d/metrics/detailed", n.port()+4)
}

// ManagementURL returns the address of the management API, on nodes of [StartManagedNode].
func (n *Node) ManagementURL() string {
	n.t.Helper()
	return fmt.Sprintf("http://guest:guest@127.0.0.1:%d", n.port()+1)
}

// Control runs rabbitmqctl on the node and returns its output. It takes seconds.
func (n *Node) Control(args ...string) string {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), script(n.t), append([]string{"ctl", n.dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (n *Node) port() int {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "port"))
	if err != nil {
		n.t.Fatal(err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		n.t.Fatal(err)
	}
	return port
}

// write writes a file that the script reads.
func (n *Node) write(name, text string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// Start starts the node again, with the same data and port, and returns when it accepts
// connections.
func (n *Node) Start() {
	n.t.Helper()
	if n.cmd != nil {
		n.t.Fatal("the node is running already")
	}
	out := &output{started: make(chan struct{})}
	// If the test dies without its cleanup, the node and its children are killed.
	cmd := exec.Command("setpriv", "--pdeathsig", "KILL", script(n.t), "node", n.dir)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // the test ends it, so the status does not matter
	}()
	n.cmd, n.exited = cmd, exited
	select {
	case <-out.started:
	case <-exited:
		n.t.Fatalf("RabbitMQ did not start:\n%s", out)
	case <-time.After(2 * time.Minute):
		n.t.Fatalf("RabbitMQ did not start in two minutes:\n%s", out)
	}
}

// Kill ends the node with SIGKILL. It does nothing if the node is down.
func (n *Node) Kill() {
	n.t.Helper()
	n.end(syscall.SIGKILL)
}

// Stop shuts the node down in an orderly way: it closes its connections and saves durable queues
// and messages. It does nothing if the node is down.
func (n *Node) Stop() {
	n.t.Helper()
	n.end(syscall.SIGTERM)
}

func (n *Node) end(signal os.Signal) {
	n.t.Helper()
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("end RabbitMQ: %v", err)
	}
	<-n.exited
	n.cmd = nil
}

// output collects the output of a node, and detects the line that says that the node has started.
type output struct {
	started chan struct{} // closed when the node has started

	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := o.complete()
	n, err := o.text.Write(p)
	if !seen && o.complete() {
		close(o.started)
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) complete() bool { return bytes.Contains(o.text.Bytes(), []byte("completed with ")) }

// script returns the path of scripts/rabbitmq.
func script(t testing.TB) string {
	t.Helper()
	return filepath.Join(hosttest.Root(t), "scripts", "rabbitmq")
}
