//go:build unix

package main_test

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// TestDoctor runs gomeko doctor for a package, on a healthy broker and on one with faults, and
// writes the transcript of docs/operating.md.
func TestDoctor(t *testing.T) {
	address, management := hosttest.FreeAddress(t), hosttest.FreeAddress(t)
	b := start(t, "", "", "broker", "--listen", address, "--management", management)
	b.Line("management API on http://" + management)
	uri := "amqp://guest:guest@" + address + "/"
	doctor := func(args ...string) *hosttest.Process {
		t.Helper()
		p := start(t, "../..", "", append([]string{"doctor", "--broker", uri, "--wait", "50ms"}, args...)...)
		p.Wait()
		return p
	}
	api := "--management=http://guest:guest@" + management

	p := doctor("./examples/helloworld", api, "--strict")
	if p.Wait() != 0 || p.Stdout() != "" || !strings.Contains(p.Stderr(), "services: greeting_service\n") || !strings.Contains(p.Stderr(), "problems: 0, warnings: 0\n") {
		t.Errorf("healthy: got status %d\n%s%s", p.Wait(), p.Stdout(), p.Stderr())
	}
	p = doctor()
	if p.Wait() != 0 || !strings.Contains(p.Stderr(), "not checked, because it needs --management URI: alarms") {
		t.Errorf("without management: got status %d\n%s%s", p.Wait(), p.Stdout(), p.Stderr())
	}

	ch := brokertest.Channel(t, uri)
	for name, args := range map[string]amqp.Table{"rpc-greeting_service": {"x-message-ttl": int32(60000)}, "gomeko.dead.bills": {"x-queue-type": "quorum"}} {
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			t.Fatal(err)
		}
	}
	publishOne(t, ch, "gomeko.dead.bills")
	p = doctor("./examples/helloworld", api)
	if p.Wait() != 1 {
		t.Errorf("with a problem: got status %d\n%s", p.Wait(), p.Stderr())
	}
	golden.File(t, "testdata/doctor.txt", []byte("$ gomeko doctor ./examples/helloworld --management http://guest:guest@127.0.0.1:15672\n"+
		strings.ReplaceAll(p.Stdout(), address, "127.0.0.1:5672")))

	p = doctor("./examples/helloworld", api, "--json")
	var checks []string
	for line := range strings.Lines(p.Stdout()) {
		var f struct{ Level, Check, Where, What, Remedy string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if f.Level != "info" {
			checks = append(checks, f.Level+" "+f.Check)
		}
	}
	if want := []string{"problem mismatch", "warning leftover"}; !slices.Equal(checks, want) {
		t.Errorf("got %q, want %q", checks, want)
	}
	for want, args := range map[int][]string{
		0: {api}, // a warning only
		1: {api, "--strict"},
		2: {"--management=nowhere"},
		3: {"--config=/nowhere.yaml"},
	} {
		if got := doctor(args...); got.Wait() != want {
			t.Errorf("%q: got status %d, want %d\n%s%s", args, got.Wait(), want, got.Stdout(), got.Stderr())
		}
	}
	if p := doctor("./examples/ownmain"); p.Wait() != 3 || !strings.Contains(p.Stderr(), "its main function does not call runner.Main") {
		t.Errorf("a package without runner.Main: got status %d\n%s", p.Wait(), p.Stderr())
	}
	b.Signal(syscall.SIGTERM)
	b.Wait()
}

// publishOne publishes a message to a queue, and waits until it is there.
func publishOne(t *testing.T, ch *amqp.Channel, queue string) {
	t.Helper()
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	sent, err := ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := sent.WaitContext(t.Context()); !ok || err != nil {
		t.Fatalf("publish: %t, %v", ok, err)
	}
}
