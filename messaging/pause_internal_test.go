package messaging

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Mill is a service whose calls the test controls.
type Mill struct {
	_ service.Name `service:"mill"`

	Entrypoints struct {
		Grind Consumer `messaging:"grain" requeue:"true"`
		Clean Consumer `messaging:"dust"`
	}

	Begun   chan string
	Outcome chan error
}

func (m *Mill) Grind(_ context.Context, sack string) error {
	m.Begun <- sack
	return <-m.Outcome
}

func (m *Mill) Clean(_ context.Context, dust string) error {
	m.Begun <- dust
	return nil
}

// startMill starts a mill with two workers, and returns the pauses of Grind.
func startMill(t *testing.T, broker transport.Config) (*hosttest.Host, *Mill, *pauses) {
	m := &Mill{Begun: make(chan string, 10), Outcome: make(chan error)}
	h := hosttest.Start(t, hosttest.Config{Broker: broker, Service: service.Config{MaxWorkers: 2}}, m)
	s, err := service.Shared(h.Host(), newShared)
	if err != nil {
		t.Fatal(err)
	}
	return h, m, &s.subscribers[0].pauses
}

// A paused row settles running calls, and gives back the messages that it holds. It resumes when
// the last reason is removed.
func TestPause(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		h, m, p := startMill(t, transport.Config{URI: uri})
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		send := func(queue, sack string) {
			t.Helper()
			if err := conn.Publish(t.Context(), transport.Publishing{Key: queue, Mandatory: true, Body: fmt.Appendf(nil, "%q", sack)}); err != nil {
				t.Fatal(err)
			}
		}
		depth := func(queue string, want int) {
			t.Helper()
			hosttest.Eventually(t, fmt.Sprintf("%s has %d messages", queue, want), func() bool { return brokertest.Depth(t, uri, queue) == want })
		}
		for i := range 5 { // two run, and two more would be held
			send("grain", fmt.Sprint(i))
		}
		hosttest.Next(t, m.Begun)
		hosttest.Next(t, m.Begun)
		p.pause("first")
		p.pause("second")
		p.pause("first")
		depth("grain", 3)
		if all := h.Host().Pauses(); len(all) != 1 || fmt.Sprint(all[0].Service, all[0].Row, all[0].Queue, all[0].Reasons) != "millGrindgrain[first second]" {
			t.Errorf("got %+v, want the pause with both reasons", all)
		}
		m.Outcome <- nil
		m.Outcome <- errors.New("the stone is broken") // its return is not delayed
		depth("grain", 4)
		send("dust", "fine") // another row continues
		if got := hosttest.Next(t, m.Begun); got != "fine" {
			t.Errorf("got %s during the pause, want fine", got)
		}
		p.resume("first")
		if len(h.Host().Pauses()) != 1 {
			t.Error("the row does not pause any more, want that it does while there is a reason")
		}
		p.resume("second")
		for range 4 {
			hosttest.Next(t, m.Begun)
			m.Outcome <- nil
		}
		depth("grain", 0)
		if all := h.Host().Pauses(); len(all) != 0 {
			t.Errorf("got %+v, want no pauses", all)
		}
		for _, line := range []string{"row paused: its messages wait in the queue", "row resumed"} {
			if got := len(h.Log.Lines(line)); got != 1 {
				t.Errorf("got %d log lines %q, want 1", got, line)
			}
		}
	})
}

// A paused row stays paused when its connection is lost, and stops in time.
func TestPauseReconnect(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		tap := new(brokertest.Tap)
		h, m, p := startMill(t, transport.Config{URI: uri, Dial: tap.Dial})
		p.pause("test")
		hosttest.Eventually(t, "it is paused", func() bool { return len(h.Log.Lines("row paused")) > 0 })
		tap.Cut()
		hosttest.Eventually(t, "it has reconnected", func() bool { return len(h.Log.Lines("reconnected to the broker")) > 0 })
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for _, queue := range []string{"grain", "dust"} {
			if err := conn.Publish(t.Context(), transport.Publishing{Key: queue, Mandatory: true, Body: []byte(`"late"`)}); err != nil {
				t.Fatal(err)
			}
		}
		hosttest.Next(t, m.Begun) // of dust
		if got := brokertest.Depth(t, uri, "grain"); got != 1 {
			t.Errorf("got %d messages, want 1 that waits", got)
		}
		hosttest.Close(t, h.Stop)
		if got := brokertest.Depth(t, uri, "grain"); got != 1 {
			t.Errorf("got %d messages after the stop, want 1", got)
		}
	})
}

// Messages that wait for a worker are given back, even if no worker becomes free for long.
func TestPauseWhileWorkersAreBusy(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		_, m, p := startMill(t, transport.Config{URI: uri})
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for range 4 {
			if err := conn.Publish(t.Context(), transport.Publishing{Key: "grain", Mandatory: true, Body: []byte(`"sack"`)}); err != nil {
				t.Fatal(err)
			}
		}
		hosttest.Next(t, m.Begun)
		hosttest.Next(t, m.Begun)
		if err := conn.Publish(t.Context(), transport.Publishing{Key: "dust", Mandatory: true, Body: []byte(`"dust"`)}); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "dust is held", func() bool { return brokertest.Depth(t, uri, "dust") == 0 })
		s, err := service.Shared(p.row.Host, newShared)
		if err != nil {
			t.Fatal(err)
		}
		s.subscribers[1].pauses.pause("test")
		hosttest.Eventually(t, "dust is given back", func() bool { return brokertest.Depth(t, uri, "dust") == 1 })
		for range 4 {
			m.Outcome <- nil
		}
	})
}
