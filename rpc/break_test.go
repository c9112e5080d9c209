package rpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Gate holds its calls until it is opened, and counts them.
type Gate struct {
	_ service.Name `service:"gate"`

	Entrypoints struct {
		Pass rpc.Method `rpc:"pass(n)"`
	}

	Begun  chan int // gets each n as it begins
	Opened chan struct{}
}

func (g *Gate) Pass(ctx context.Context, n int) (int, error) {
	g.Begun <- n
	select {
	case <-g.Opened:
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Whatever breaks while calls are in flight, each of them ends within its limit, with its result or
// with the right error.
func TestCallsWhileSomethingBreaks(t *testing.T) {
	breaks := map[string]func(server *process, caller *tap){
		"the service's connection": func(server *process, _ *tap) { server.tap.Cut() },
		"the caller's connection":  func(_ *process, caller *tap) { caller.Cut() },
		"both connections":         func(server *process, caller *tap) { server.tap.Cut(); caller.Cut() },
	}
	for name, cut := range breaks {
		t.Run(name, func(t *testing.T) { // each has a separate queue, in which requeued requests stay
			brokertest.Each(t, func(t *testing.T, uri string) { breakCalls(t, uri, cut) })
		})
	}
	t.Run("the broker", func(t *testing.T) {
		node := brokertest.StartNode(t)
		breakCalls(t, node.URI(), func(*process, *tap) {
			node.Kill()
			node.Start()
		})
	})
}

// breakCalls breaks something once 50 calls have begun, and then lets them continue.
func breakCalls(t *testing.T, uri string, cut func(*process, *tap)) {
	const calls, limit = 50, 2 * time.Minute
	g := &Gate{Begun: make(chan int, 10*calls), Opened: make(chan struct{})}
	server := startWorkers(t, 2*calls, uri, g)
	var tap tap
	client := dial(t, uri, rpc.Config{Timeout: limit}, &tap).Client("gate")
	var mu sync.Mutex
	ended := map[string]int{}
	var calling sync.WaitGroup
	for n := range calls {
		calling.Go(func() {
			began := time.Now()
			var got int
			err := client.Call(t.Context(), "pass", &got, n)
			how := "with its result"
			switch {
			case errors.Is(err, rpc.ErrConnectionLost):
				how = "as ErrConnectionLost"
			case err != nil || got != n:
				t.Errorf("got %d, %v, want %d or ErrConnectionLost", got, err, n)
			}
			if took := time.Since(began); took > limit {
				t.Errorf("call %d took %s, over its limit", n, took)
			}
			mu.Lock()
			ended[how]++
			mu.Unlock()
		})
	}
	runs := map[int]int{}
	for range calls {
		runs[hosttest.Receive(t, "a call", g.Begun)]++
	}
	cut(server, &tap)
	close(g.Opened)
	calling.Wait()
	server.stop(t)
	close(g.Begun)
	for n := range g.Begun {
		runs[n]++
	}
	twice := 0
	for n := range calls {
		if runs[n] > 1 {
			twice++
		}
		if runs[n] == 0 {
			t.Errorf("call %d was never run", n)
		}
	}
	t.Logf("%d calls ended %v; the handler of %d ran twice or more", calls, ended, twice)
	if n := client.Waiting(); n != 0 {
		t.Errorf("got %d calls that wait, want 0", n)
	}
}
