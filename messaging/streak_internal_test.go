package messaging

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Ferry is a service whose messages fail as the test tells it to.
type Ferry struct {
	_ service.Name `service:"ferry"`

	Entrypoints struct {
		Cross Consumer `messaging:"cars" retry:"10m"`
	}

	Tried   chan string
	Outcome chan error
}

func (f *Ferry) Cross(_ context.Context, car string) error {
	f.Tried <- car
	return <-f.Outcome
}

// startFerry starts a ferry with one worker, which pauses after three failures.
func startFerry(t *testing.T, uri string) (*hosttest.Host, *Ferry, *transport.Conn) {
	f := &Ferry{Tried: make(chan string), Outcome: make(chan error)}
	h, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: uri}, Service: service.Config{MaxWorkers: 1}}, f,
		service.Configure(Config{PauseAfter: 3}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.Shared(h.Host(), newShared)
	if err != nil {
		t.Fatal(err)
	}
	s.subscribers[0].streak.first = 20 * time.Millisecond
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h, f, hosttest.Dial(t, transport.Config{URI: uri})
}

// ferry sends bodies to the queue of the ferry.
func ferry(t *testing.T, conn *transport.Conn, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if err := conn.Publish(t.Context(), transport.Publishing{Key: "cars", Mandatory: true, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

// cross lets the next call end.
func (f *Ferry) cross(t *testing.T, outcome error) {
	t.Helper()
	hosttest.Next(t, f.Tried)
	f.Outcome <- outcome
}

// A row that retries pauses when consecutive calls fail, tries one message at a time, and resumes
// with the first one that succeeds. Messages that it has not tried stay in the queue.
func TestStreak(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h, f, conn := startFerry(t, uri)
		fault, depth := errors.New("the river is high"), func(want int) {
			t.Helper()
			hosttest.Eventually(t, fmt.Sprintf("%d messages wait", want), func() bool { return brokertest.Depth(t, uri, "cars") == want })
		}
		ferry(t, conn, `"1"`, `"2"`, `"3"`, `"4"`, `"5"`, `"6"`, `"7"`, `"8"`)
		for range 3 {
			f.cross(t, fault)
		}
		hosttest.Next(t, f.Tried) // of the first probe
		depth(4)
		if all := h.Host().Pauses(); len(all) != 1 || strings.Join(all[0].Reasons, "") != "3 calls in a row have failed" {
			t.Errorf("got %+v, want a pause for three failures", all)
		}
		f.Outcome <- fault
		f.cross(t, fault) // of the second
		f.cross(t, nil)   // of the third
		for range 2 {
			f.cross(t, nil)
		}
		depth(0)
		if all := h.Host().Pauses(); len(all) != 0 {
			t.Errorf("got %+v, want no pause", all)
		}
		if got := brokertest.Depth(t, uri, deadletter.DelayQueue("cars", 10*time.Minute)); got != 5 {
			t.Errorf("got %d messages that are retried, want the 5 that failed", got)
		}
		if paused, resumed := len(h.Log.Lines("row paused")), len(h.Log.Lines("row resumed")); paused != 1 || resumed != 1 {
			t.Errorf("got %d and %d lines, want 1 of a pause and 1 of its end", paused, resumed)
		}
	})
}

// Expected errors, bodies that do not fit, and verdicts do not count as failures of the row.
func TestStreakOfExpectedErrors(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h, f, conn := startFerry(t, uri)
		fault, full := errors.New("the river is high"), rpcerror.New("ferry.Full", "full")
		bodies := []string{`1`, `2`, `3`, `4`} // do not fit
		outcomes := []error{fault, fault, full, full, full, full, fault, fault, service.Park(fault), service.Drop(fault), nil, fault, fault, nil}
		for range outcomes {
			bodies = append(bodies, `"car"`)
		}
		ferry(t, conn, bodies...)
		for _, outcome := range outcomes {
			f.cross(t, outcome)
		}
		hosttest.Eventually(t, "all are handled", func() bool { return brokertest.Depth(t, uri, "cars") == 0 })
		hosttest.Close(t, h.Stop)
		if lines := h.Log.Lines("row paused"); len(lines) != 0 {
			t.Errorf("got %s, want no pause", lines)
		}
	})
}

// A row that is also paused for another reason is not probed, and stops in time.
func TestStreakWithAnotherReason(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h, f, conn := startFerry(t, uri)
		s, err := service.Shared(h.Host(), newShared)
		if err != nil {
			t.Fatal(err)
		}
		p := &s.subscribers[0].pauses
		ferry(t, conn, `"1"`, `"2"`, `"3"`, `"4"`)
		for range 2 {
			f.cross(t, errors.New("the river is high"))
		}
		hosttest.Next(t, f.Tried)
		p.pause("the captain sleeps")
		f.Outcome <- errors.New("the river is high")
		hosttest.Eventually(t, "there are two reasons", func() bool {
			all := h.Host().Pauses()
			return len(all) == 1 && len(all[0].Reasons) == 2
		})
		hosttest.Eventually(t, "the last one waits", func() bool { return brokertest.Depth(t, uri, "cars") == 1 })
		select {
		case car := <-f.Tried:
			t.Errorf("got a probe with %s", car)
		case <-time.After(100 * time.Millisecond): // time for some probes; a longer wait would find no more
		}
		p.resume("the captain sleeps")
		f.cross(t, nil)
		hosttest.Eventually(t, "it resumes", func() bool { return len(h.Host().Pauses()) == 0 })
	})
}
