package soak_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Pool reports each event that it handles.
type Pool struct {
	_ service.Name `service:"pool"`

	Entrypoints struct {
		OnNumbered events.Handler `events:"source.numbered"`
	}
}

// A numbered is an event. If its dispatch fails, it is dispatched again with the next attempt.
type numbered struct {
	ID      int `json:"id"`
	Attempt int `json:"attempt"`
}

// OnNumbered takes some time, so a killed process is handling many events. It reports the event
// before the acknowledgement.
func (p *Pool) OnNumbered(ctx context.Context, n numbered) error {
	select {
	case <-time.After(rand.N(50 * time.Millisecond)):
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := fmt.Printf("%d %d %t\n", n.ID, n.Attempt, service.FromContext(ctx).Redelivered)
	return err
}

// TestSoakEvents dispatches events to a pool of two processes. From time to time a process is
// killed and started again, or the broker is stopped or killed and started again. Every confirmed
// event must be handled at least once, and no event may remain in a queue.
func TestSoakEvents(t *testing.T) {
	many, kills, stops := 3_000, 2, []string{stopBroker}
	if whole() {
		many, kills, stops = 100_000, 10, []string{stopBroker, killBroker}
	}
	chance := chance(t)
	node := brokertest.StartNode(t)
	begin := time.Now()
	tally := newTally()
	pool := []*process{start(t, "pool", node.URI(), tally.tell), start(t, "pool", node.URI(), tally.tell)}
	for _, p := range pool {
		p.wait() // until its queue exists
	}
	s := newSource(t, node.URI(), many, tally)
	for _, h := range schedule(chance, many, append(slices.Repeat([]string{killProcess}, kills), stops...)...) {
		reach(t, node, tally, h.at)
		t.Logf("%d events handled: %s", h.at, h.what)
		happen(node, pool, chance, h.what)
	}
	reach(t, node, tally, many)
	s.wait()
	drained(t, node, 1)
	for _, p := range pool {
		p.stop()
	}
	drained(t, node, 1) // no event was requeued
	doubles := tally.check(t, s)
	t.Logf("%d events, processes killed: %d, broker taken away: %d, %.1f s; dispatched again after an error: %d, handled again: %d, not marked as redelivered: %d",
		many, kills, len(stops), time.Since(begin).Seconds(), s.again(), doubles, tally.unmarked)
	// A kill repeats at most the events that the process held, and a stop of the broker those that
	// both processes held.
	if limit := prefetch * (kills + len(pool)*len(stops)); doubles > limit {
		t.Errorf("got %d events handled more than once, want at most %d", doubles, limit)
	}
}

// prefetch is how many events a process holds at once: the default of max_workers.
const prefetch = 100

// reach waits until this many events have been handled.
func reach(t *testing.T, node *brokertest.Node, tally *tally, many int) {
	t.Helper()
	select {
	case <-tally.reach(many):
	case <-time.After(hosttest.Timeout):
		t.Fatalf("got %d events handled, and %d not in %v; queues (ready, unacknowledged):\n%s", tally.handled(), many, hosttest.Timeout, queues(node))
	}
}

// A source dispatches events concurrently, and repeats each event until it is confirmed.
type source struct {
	sent []int // how often each was dispatched
	wg   sync.WaitGroup
}

func newSource(t *testing.T, uri string, many int, tally *tally) *source {
	t.Helper()
	dispatch := events.NewDispatcher(hosttest.Dial(t, transport.Config{URI: uri}), "source")
	s := &source{sent: make([]int, many)}
	var next atomic.Int64
	for range 64 {
		s.wg.Go(func() {
			for id := int(next.Add(1)) - 1; id < many && tally.await(t.Context()); id = int(next.Add(1)) - 1 {
				err := errors.New("not yet")
				for ; err != nil && t.Context().Err() == nil; s.sent[id]++ {
					err = dispatch(t.Context(), "numbered", numbered{id, s.sent[id]})
				}
			}
		})
	}
	t.Cleanup(s.wg.Wait)
	return s
}

// wait waits until all events have been confirmed.
func (s *source) wait() { s.wg.Wait() }

// again returns the number of failed dispatches: all but the last one of each event.
func (s *source) again() (n int) {
	for _, sent := range s.sent {
		n += sent - 1
	}
	return n
}
