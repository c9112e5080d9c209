package rpc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// These are the services, in Go, from which the vectors of stops and lost connections were
// captured. They write down what they do in the same words, and a call ends when the test lets it.
type (
	Slow struct {
		_ service.Name `service:"vec_slow"`

		Entrypoints struct {
			Slow rpc.Method `rpc:"slow(tag)"`
		}

		journal *journal
	}
	Caller struct {
		_ service.Name `service:"vec_caller"`

		Entrypoints struct {
			CallSlow rpc.Method `rpc:"call_slow()"`
		}
		Slow rpc.Client `rpc:"vec_slow"`

		journal *journal
	}
)

func (s *Slow) Slow(ctx context.Context, tag string) (string, error) {
	s.journal.write("SLOW start " + tag)
	defer s.journal.write("SLOW end " + tag)
	return "slept", s.journal.sleep(ctx)
}

func (c *Caller) CallSlow(ctx context.Context) (result string, err error) {
	c.journal.write("CALL start")
	err = c.Slow.Call(ctx, "slow", &result, "job")
	c.journal.write("CALL end " + result)
	return result, err
}

// A journal records what instances of services do.
type journal struct {
	wrote   chan string   // receives each line
	release chan struct{} // lets a call end

	mu    sync.Mutex
	lines []string
}

func newJournal() *journal {
	return &journal{wrote: make(chan string, 100), release: make(chan struct{}, 100)}
}

func (j *journal) write(line string) {
	j.mu.Lock()
	j.lines = append(j.lines, line)
	j.mu.Unlock()
	j.wrote <- line
}

func (j *journal) sleep(ctx context.Context) error {
	select {
	case <-j.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// started waits until n more calls of slow have started.
func (j *journal) started(t *testing.T, n int) {
	t.Helper()
	for n > 0 {
		if strings.HasPrefix(hosttest.Receive(t, "a line of the journal", j.wrote), "SLOW start") {
			n--
		}
	}
}

// A history is the record of one vector: what the services wrote down, what their callers got, and
// how the process ended.
type history struct {
	Name    string   `json:"name"`
	Service []string `json:"service_log"`
	Second  []string `json:"second_instance_log"`
	Caller  []string `json:"log"`
	Results []string `json:"client_results"`
	Process string   `json:"process"`
}

// String returns the parts of h that are compared.
func (h history) String() string {
	count := func(lines []string, start string) (n int) {
		for _, line := range lines {
			if strings.HasPrefix(line, start) {
				n++
			}
		}
		return n
	}
	most := 0
	for i := range h.Service {
		most = max(most, count(h.Service[:i+1], "SLOW start")-count(h.Service[:i+1], "SLOW end"))
	}
	text := fmt.Sprintf("%d runs of slow, %d of them at once, %d of call_slow, results %v",
		count(slices.Concat(h.Service, h.Second), "SLOW start"), most, count(h.Caller, "CALL start"), h.Results)
	if h.Process != "" {
		text += fmt.Sprintf(", the process ended: %t", strings.Contains(h.Process, "exited"))
	}
	return text
}

// openLifecycle replays the vectors, each with separate services.
func openLifecycle(group *testing.T, uri string) replay {
	histories := map[string]history{}
	for _, h := range brokertest.VectorsOf[history](group, "lifecycle") {
		histories[h.Name] = h
	}
	lives := map[string]func(*testing.T, string) history{
		"sigterm_inflight_single":              func(t *testing.T, uri string) history { return stopInFlight(t, uri, 1, 1) },
		"sigterm_inflight_two_instances":       func(t *testing.T, uri string) history { return stopInFlight(t, uri, 2, 2) },
		"sigterm_inflight_8s_two_instances":    func(t *testing.T, uri string) history { return stopInFlight(t, uri, 2, 1) },
		"service_connection_lost_inflight":     cutService,
		"caller_connection_lost_waiting_reply": cutCaller,
		"prefetch_max_workers_2":               prefetchTwo,
		"sigterm_while_broker_down":            stopWhileAway,
		"self_call_deadlock":                   selfCall,
	}
	return func(t *testing.T, v brokertest.Vector) string {
		got, want := lives[v.Name](t, uri).String(), histories[v.Name].String()
		if got == want {
			return ""
		}
		return "got " + got + "\nwant " + want
	}
}

// stopInFlight stops the first of several instances when each has a call, or when only the first
// has one.
func stopInFlight(t *testing.T, uri string, instances, calls int) history {
	first, second := newJournal(), newJournal()
	server := startWorkers(t, 1, uri, &Slow{journal: first})
	client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("vec_slow")
	replies := []*rpc.Reply{client.Go(t.Context(), "slow", "job0")}
	first.started(t, 1)
	if instances > 1 {
		startWorkers(t, 1, uri, &Slow{journal: second})
	}
	if calls > 1 {
		replies = append(replies, client.Go(t.Context(), "slow", "job1"))
		second.started(t, 1)
	}
	stopped := make(chan error)
	go func() { stopped <- server.Stop(context.WithoutCancel(t.Context())) }()
	consumed(t, uri, "rpc-vec_slow", instances-1)
	h := history{Process: "exited"}
	first.release <- struct{}{}
	second.release <- struct{}{}
	for _, r := range replies {
		h.Results = append(h.Results, resultOf(t, r))
	}
	if err := hosttest.Receive(t, "the stop", stopped); err != nil {
		t.Error(err)
	}
	h.Service, h.Second = first.lines, second.lines
	return h
}

func resultOf(t *testing.T, r *rpc.Reply) string {
	t.Helper()
	hosttest.Receive(t, "the call", r.Done())
	var result string
	if err := r.Result(t.Context(), &result); err != nil {
		return err.Error()
	}
	return "'" + result + "'"
}

// consumed waits until a queue has n consumers, and returns the highest number seen.
func consumed(t *testing.T, uri, queue string, n int) (most int) {
	t.Helper()
	ch := newPeer(t, uri).ch
	hosttest.Eventually(t, fmt.Sprintf("%s has %d consumers", queue, n), func() bool {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, q.Consumers)
		return q.Consumers == n
	})
	return most
}

// cutService cuts the connection of a service that is running a call.
func cutService(t *testing.T, uri string) history {
	j := newJournal()
	server := start(t, uri, &Slow{journal: j})
	r := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("vec_slow").Go(t.Context(), "slow", "job")
	j.started(t, 1)
	server.tap.Cut()
	server.Log.Wait(t, 1, "it is not handled twice") // the call goes on, and answers the redelivery
	j.release <- struct{}{}
	result := resultOf(t, r)
	server.stop(t)
	return history{Service: j.lines, Results: []string{result}}
}

// cutCaller cuts the connection of a service that waits for another call.
func cutCaller(t *testing.T, uri string) history {
	j, calls := newJournal(), newJournal()
	start(t, uri, &Slow{journal: j})
	caller := start(t, uri, &Caller{journal: calls})
	r := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("vec_caller").Go(t.Context(), "call_slow")
	j.started(t, 1)
	caller.tap.Confirmed(t, 1) // the request is confirmed, so the call waits for its reply
	caller.tap.Cut()
	caller.Log.Wait(t, 1, "it is not handled twice") // the call goes on, and answers the redelivery
	close(j.release)
	result := resultOf(t, r)
	caller.stop(t)
	return history{Caller: calls.lines, Results: []string{result}}
}

// prefetchTwo makes five calls of a service with two workers.
func prefetchTwo(t *testing.T, uri string) history {
	j := newJournal()
	server := startWorkers(t, 2, uri, &Slow{journal: j})
	client := dial(t, uri, rpc.Config{Timeout: -1}, nil).Client("vec_slow")
	replies := make([]*rpc.Reply, 5)
	for i := range replies {
		replies[i] = client.Go(t.Context(), "slow", fmt.Sprint("j", i))
	}
	j.started(t, 2)
	for range replies {
		j.release <- struct{}{}
	}
	for _, r := range replies {
		hosttest.Receive(t, "a call", r.Done())
	}
	server.stop(t)
	return history{Service: j.lines}
}

// stopWhileAway stops a service while the broker is away.
func stopWhileAway(t *testing.T, uri string) history {
	server := start(t, uri, &Slow{journal: newJournal()})
	server.tap.away.Store(true)
	server.tap.Cut()
	server.stop(t)
	return history{Process: "exited"}
}

// selfCall calls itself deeper than there are workers.
func selfCall(t *testing.T, uri string) history {
	startWorkers(t, 4, uri, newNest())
	var depth int
	if err := dial(t, uri, rpc.Config{}, nil).Client("nest").Call(t.Context(), "deep", &depth, 5); err != nil {
		t.Error(err)
	}
	return history{Results: []string{fmt.Sprint(depth)}}
}
