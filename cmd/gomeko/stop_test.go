package main_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// A reply is the result of a call of sleep.
type reply struct {
	text string
	err  error
}

// sleep calls the service sloth, and returns a channel with the result.
func sleep(t *testing.T, uri string, seconds float64) <-chan reply {
	t.Helper()
	conn := dial(t, uri)
	replies := make(chan reply, 1)
	go func() {
		var r reply
		r.err = conn.Client("sloth").Call(context.Background(), "sleep", &r.text, seconds)
		replies <- r
	}()
	return replies
}

func dial(t *testing.T, uri string) *rpc.Caller {
	t.Helper()
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // fails if the broker was killed
	})
	caller, err := rpc.NewCaller(t.Context(), conn, rpc.Config{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

// A call that is running at SIGTERM finishes, and its caller receives the reply, with an external
// and with an embedded broker.
func TestGracefulStop(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	embedded := "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/"
	t.Setenv("AMQP_URI", embedded) // the address of the embedded broker
	for name, test := range map[string]struct{ broker, uri string }{"broker": {uri, uri}, "embedded": {"embedded", embedded}} {
		t.Run(name, func(t *testing.T) {
			p := start(t, "", "", "run", "./testdata/slow", "--broker", test.broker)
			p.Line("Connected to ")
			replies := sleep(t, test.uri, 2)
			p.Line("sloth sleeps")
			p.Signal(syscall.SIGTERM)
			if r := <-replies; r.err != nil || r.text != "slept" {
				t.Errorf("got %q, %v, want slept", r.text, r.err)
			}
			if got := p.Wait(); got != 0 {
				t.Errorf("got exit status %d, want 0:\n%s", got, p.Stderr())
			}
			p.Line("finished=1 cut_off=0 given_back=0")
		})
	}
}

// When one service fails, the other services of the process stop in order, and the last line is the
// cause.
func TestServiceFails(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/torch", "./testdata/slow", "--broker", uri)
	p.Line("Connected to ")
	replies := sleep(t, uri, 2)
	p.Line("sloth sleeps")
	p.Signal(syscall.SIGUSR1)
	p.Line(`msg="container failed"`)
	if r := <-replies; r.err != nil || r.text != "slept" {
		t.Errorf("got %q, %v from the call that ran, want slept", r.text, r.err)
	}
	if got := p.Wait(); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	p.Line("finished=1 cut_off=0 given_back=0")
	if text, want := strings.TrimSpace(p.Stderr()), "\nservice torch: Burn: the fuse is gone"; !strings.HasSuffix(text, want) {
		t.Errorf("got:\n%s\nwant at its end the cause:%s", text, want)
	}
}

// A call that exceeds its timeout is answered, and later logged with its stack.
func TestStuck(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/slow", "--broker", uri)
	p.Line("Connected to ")
	caller := dial(t, uri)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := caller.Client("sloth").Call(ctx, "sleep", nil, 3600); !errors.Is(err, rpc.ErrTimeout) {
		t.Errorf("got %v, want a timeout", err)
	}
	line := p.Line(`msg="call stuck"`)
	for _, want := range []string{"instance=", "service=sloth method=sleep call_id=sloth.sleep.", "slow.(*Sloth).Sleep("} {
		if !strings.Contains(line, want) {
			t.Errorf("got:\n%s\nwant in it %s", line, want)
		}
	}
}

// A second signal ends the program at once. The broker redelivers the call to another program.
func TestSecondSignal(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/slow", "--broker", uri)
	p.Line("Connected to ")
	replies := sleep(t, uri, 3600)
	p.Line("sloth sleeps")
	p.Signal(syscall.SIGTERM)
	p.Line("stopping services: sloth")
	again := time.NewTicker(100 * time.Millisecond) // signals in quick succession count as one
	defer again.Stop()
	for running := true; running; {
		select {
		case <-p.Ended():
			running = false
		case <-again.C:
			p.Signal(syscall.SIGTERM)
		}
	}
	if got := p.Wait(); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	p.Line("cut_off=1 given_back=0")
	p.Line("killed by a second signal")
	other := start(t, "", "", "run", "./testdata/slow", "--broker", uri)
	other.Line("sloth sleeps")
	select {
	case r := <-replies:
		t.Errorf("got %v before the call was over", r)
	default:
	}
}

// A service answers again after its broker was killed and restarted. If the broker stays down, a
// stop completes within the grace period.
func TestBrokerKilled(t *testing.T) {
	b, uri := startBroker(t, "127.0.0.1:0")
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("gomeko: {grace: 3s}\nAMQP_URI: "+uri+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "", "", "run", "./testdata/slow", "--config", config)
	p.Line("Connected to ")
	if r := <-sleep(t, uri, 0); r.err != nil {
		t.Fatal(r.err)
	}
	b.Signal(syscall.SIGKILL)
	b.Wait()
	address := strings.TrimSuffix(uri[strings.Index(uri, "@")+1:], "/")
	b, _ = startBroker(t, address)
	conn := dial(t, uri)
	hosttest.Eventually(t, "the service answers after the broker's restart", func() bool {
		err := conn.Client("sloth").Call(t.Context(), "sleep", nil, 0)
		if err != nil && !errors.Is(err, rpc.ErrUnknownService) {
			t.Fatalf("after the broker's restart: %v", err)
		}
		return err == nil
	})

	b.Signal(syscall.SIGKILL)
	b.Wait()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	p.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %s to end without a broker, want its grace period of 3 s", took)
	}
	p.Line("stopping services: sloth")
}

// When a broker stops, it prints the number of messages in its queues.
func TestMessagesGone(t *testing.T) {
	b, uri := startBroker(t, "127.0.0.1:0")
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{{Name: "left", Durable: true}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := conn.Publish(t.Context(), transport.Publishing{Key: "left", Mandatory: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	b.Signal(syscall.SIGINT)
	if got := b.Wait(); got != 0 {
		t.Errorf("got exit status %d, want 0", got)
	}
	b.Line("embedded broker stopped: 2 queued messages are gone")
}

// The port of an embedded broker must be free.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	t.Setenv("AMQP_URI", "amqp://guest:guest@"+address+"/")
	check(t, "", []string{"run", "./testdata/slow", "--broker", "embedded"}, 1, "",
		"embedded broker: "+address+" is in use, maybe by a broker: omit --broker embedded to use it")
	check(t, "", []string{"broker", "--listen", address}, 1, "", "embedded broker: "+address+" is in use")
}
