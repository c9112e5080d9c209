package fleet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Sweeper sweeps once a day, and purges once an hour.
type Sweeper struct {
	_ service.Name `service:"sweeper"`

	Entrypoints struct {
		Sweep timer.Cron     `timer:"0 3 * * *" tz:"Europe/Madrid"`
		Purge timer.Interval `timer:"1h" once:"fleet" method:"Sweep"`
	}

	swept chan timer.Tick
}

func (s *Sweeper) Sweep(_ context.Context, tick timer.Tick) error {
	s.swept <- tick
	return nil
}

// TestAsk sends commands to two processes. After one has stopped, the other one still knows them.
func TestAsk(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		config := hosttest.Config{Broker: transport.Config{URI: uri}}
		swept := make(chan timer.Tick, 1)
		conn := hosttest.Dial(t, config.Broker)
		var holder string
		ask := func(verb Verb, wantPaused bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
			defer cancel()
			got, err := Ask(ctx, conn, "sweeper", "Sweep", verb)
			if err != nil || got.Paused != wantPaused || got.Schedule != "0 3 * * *" || got.Zone != "Europe/Madrid" || got.Holder != holder {
				t.Fatalf("%s: got %+v, %v, want it paused: %v", verb, got, err, wantPaused)
			}
		}
		if _, err := Ask(t.Context(), conn, "sweeper", "Sweep", Show); !errors.Is(err, ErrUnknownTimer) {
			t.Errorf("before there is one: got %v, want %v", err, ErrUnknownTimer)
		}
		if got, err := List(t.Context(), conn, 3*time.Second); len(got) > 0 || err != nil {
			t.Errorf("before there is one: got the timers %v, %v", got, err)
		}

		services := []any{&Sweeper{swept: swept}, service.Configure(Timers())}
		one := hosttest.Start(t, config, services...)
		other := hosttest.Start(t, config, services...)
		holder = one.Host().Instance()
		ask(Show, false)
		ask(Run, false)
		if tick := hosttest.Receive(t, "the call", swept); time.Since(tick.Nominal) > hosttest.Timeout {
			t.Errorf("got the tick of %v, want it now", tick.Nominal)
		}
		ask(Pause, true)
		hosttest.Close(t, one.Stop)
		holder = other.Host().Instance()
		ask(Show, true)
		ask(Run, true)
		hosttest.Receive(t, "the call of a paused timer", swept)
		ask(Resume, false)
		if got, err := List(t.Context(), conn, 3*time.Second); len(got) != 2 || err != nil {
			t.Errorf("got the timers %+v, %v, want two", got, err)
		}

		hosttest.Close(t, other.Stop)
		ended, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := Ask(ended, conn, "sweeper", "Sweep", Pause); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("without a process: got %v, want %v", err, ErrNoAnswer)
		}
		holder = hosttest.Start(t, config, services...).Host().Instance()
		ask(Show, true) // the commands that it received meanwhile
	})
}

// TestOddMessages sends messages that are neither tokens nor commands. They are dropped, and the
// timer continues.
func TestOddMessages(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		config := hosttest.Config{Broker: transport.Config{URI: uri}}
		h := hosttest.Start(t, config, &Sweeper{swept: make(chan timer.Tick, 1)}, service.Configure(Timers()))
		conn := hosttest.Dial(t, config.Broker)
		for kind, body := range map[string]string{
			"":          `{}`,
			"other":     `{}`,
			tokenType:   `{"last": "yesterday"}`,
			commandType: `{"command": "explode"}`,
		} {
			p, err := publishing(queueName("sweeper", "Sweep"), kind, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Body = []byte(body)
			if err := conn.Publish(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		h.Log.Wait(t, 4, "message dropped")
		ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
		defer cancel()
		if _, err := Ask(ctx, conn, "sweeper", "Sweep", Show); err != nil {
			t.Error(err)
		}
		if n := brokertest.Depth(t, uri, queueName("sweeper", "Sweep")); n != 0 {
			t.Errorf("got %d messages left in the queue, want none", n)
		}
	})
}

// TestAskAgain asks on a connection that is then lost. The queues for the answers are not declared
// again.
func TestAskAgain(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Sweeper{swept: make(chan timer.Tick, 1)}, service.Configure(Timers()))
		var tap brokertest.Tap
		conn := hosttest.Dial(t, transport.Config{URI: uri, Dial: tap.Dial})
		if _, err := Ask(t.Context(), conn, "sweeper", "Sweep", Show); err != nil {
			t.Fatal(err)
		}
		if _, err := List(t.Context(), conn, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		tap.Cut()
		hosttest.Eventually(t, "the connection is back", func() bool {
			err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{{Name: "last", Exclusive: true}}})
			return err == nil
		})
		declared := 0
		for _, m := range tap.Declared(t) {
			if q, ok := m.(*frame.QueueDeclare); ok && strings.HasPrefix(q.Queue, "gomeko.timer.answers.") {
				declared++
			}
		}
		if declared != 2 {
			t.Errorf("%d queues for answers were declared, want 2", declared)
		}
	})
}
