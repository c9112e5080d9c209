package rpc_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// victimRole is the environment variable that tells a child process what to do: produce or read.
const victimRole = "GOMEKO_TEST_STREAM"

// quick configures streams whose ends soon notice each other's death.
var quick = rpc.Config{}.WithBeat(500 * time.Millisecond)

// TestStreamVictim is the program of the processes that the other tests kill.
func TestStreamVictim(t *testing.T) {
	role, uri := os.Getenv(victimRole), os.Getenv(victimURI)
	switch role {
	case "":
		t.Skip("the program of the processes that other tests kill")
	case "produce":
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, newCounter(), service.Configure(quick))
		os.Stderr.WriteString("the victim is ready\n")
		select {}
	case "read":
		client := dial(t, uri, quick, nil).Client("counter")
		for n := range rpc.Stream[int](t.Context(), client, "hang", 3) {
			if n == 2 {
				os.Stderr.WriteString("the victim is ready\n")
			}
		}
	}
}

// victim starts a process for a test to kill.
func victim(t *testing.T, uri, role string) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStreamVictim$")
	cmd.Env = append(os.Environ(), victimURI+"="+uri, victimRole+"="+role)
	return hosttest.StartProcess(t, cmd)
}

// If the producer is killed in the middle, its reader gets an error soon, long before its limit.
func TestStreamProducerKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		producer := victim(t, uri, "produce")
		producer.Line("the victim is ready")
		client := dial(t, uri, quick, nil).Client("counter")
		var items []int
		var err error
		for n, failure := range rpc.Stream[int](t.Context(), client, "hang", 5) {
			if err = failure; err == nil {
				items = append(items, n)
			}
			if n == 4 {
				producer.Kill()
			}
		}
		if !errors.Is(err, rpc.ErrConnectionLost) || !strings.Contains(err.Error(), "after 5 items: ") || !slices.Equal(items, upTo(5)) {
			t.Errorf("got %v and %v, want 5 items and ErrConnectionLost", items, err)
		}
	})
}

// If the reader is killed, the method's ctx ends.
func TestStreamReaderKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		counter := newCounter()
		start(t, uri, counter, service.Configure(quick))
		reader := victim(t, uri, "read")
		reader.Line("the victim is ready")
		reader.Kill()
		if cause := hosttest.Receive(t, "the end of the method's ctx", counter.Ended); !errors.Is(cause, rpc.ErrReaderGone) {
			t.Errorf("got %v, want ErrReaderGone", cause)
		}
	})
}

// A request whose process was killed is answered with an error and not run again, because its first
// part may have been sent.
func TestStreamRedelivered(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		first := victim(t, uri, "produce")
		first.Line("the victim is ready")
		client := dial(t, uri, quick, nil).Client("counter")
		ended := make(chan error, 1)
		go func() {
			_, err := collect(rpc.Stream[int](t.Context(), client, "hang", 0))
			ended <- err
		}()
		hosttest.Eventually(t, "the request is delivered", func() bool {
			return client.Waiting() == 1 && brokertest.Depth(t, uri, "rpc-counter") == 0
		})
		counter := newCounter()
		second := start(t, uri, counter)
		first.Kill()
		if err := hosttest.Receive(t, "the call", ended); !errors.Is(err, rpc.ErrConnectionLost) || !strings.Contains(err.Error(), "delivered before") {
			t.Errorf("got %v, want ErrConnectionLost", err)
		}
		second.stop(t)
		if len(counter.Ended) != 0 {
			t.Error("the method has run a second time")
		}
	})
}

// Whichever connection is lost, a stream is complete or ends with an error, and has no item twice.
func TestStreamConnectionLost(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, newCounter(), service.Configure(quick))
		var calls tap
		client := dial(t, uri, quick, &calls).Client("counter")
		for _, cut := range map[string]func(){"reader": calls.Cut, "producer": server.tap.Cut} {
			for range 5 {
				const count = 30_000
				seen := 0
				at := rand.IntN(count)
				err := check(rpc.Stream[int](t.Context(), client, "count", count), func(n int) {
					if seen = n + 1; n == at {
						cut()
					}
				})
				if err == nil && seen != count || err != nil && !errors.Is(err, rpc.ErrConnectionLost) && !errors.Is(err, rpc.ErrReaderGone) {
					t.Errorf("got %d of %d items and %v, want all or an error", seen, count, err)
				}
			}
		}
		hosttest.Eventually(t, "nothing is left", func() bool {
			return client.Waiting() == 0 && len(server.Host.Host().Running(false)) == 0 && brokertest.Depth(t, uri, "rpc-counter") == 0
		})
	})
}

// check reads a stream of numbers, which must come in order, and returns the error that ends it.
func check(seq iter.Seq2[int, error], got func(n int)) error {
	next := 0
	for n, err := range seq {
		switch {
		case err != nil:
			return err
		case n != next:
			return fmt.Errorf("got item %d, want %d", n, next)
		}
		next++
		got(n)
	}
	return nil
}
