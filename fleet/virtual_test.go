package fleet

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/timer/cron"
	"github.com/gomeko/gomeko/transport"
)

// Night reports once a night.
type Night struct {
	_ service.Name `service:"night"`

	Entrypoints struct {
		Report timer.Cron `timer:"30 2 * * *" tz:"Europe/Madrid"`
	}

	Book *book
}

func (n *Night) Report(_ context.Context, tick timer.Tick) error {
	n.Book.mu.Lock()
	defer n.Book.mu.Unlock()
	n.Book.ticks = append(n.Book.ticks, tick)
	return nil
}

// A book holds the ticks of all processes.
type book struct {
	mu    sync.Mutex
	ticks []timer.Tick
}

// TestYear runs five processes for a year; about once a day, one stops and another starts. Each
// night has exactly one tick, including those on which the clock changes.
func TestYear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler), Heartbeat: time.Hour})
		defer func() {
			if err := b.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		ticks := new(book)
		processes := make([]*service.Container, 5)
		for i := range processes {
			processes[i] = startNight(t, b, ticks)
		}
		began := time.Now()
		end := began.AddDate(0, 0, days)
		for time.Now().Before(end) {
			time.Sleep(rand.N(48 * time.Hour))
			i := rand.IntN(len(processes))
			stop(t, processes[i])
			processes[i] = startNight(t, b, ticks)
		}
		for _, p := range processes {
			stop(t, p)
		}
		checkNights(t, ticks.ticks, began, time.Now())
	})
}

// checkNights compares the ticks with those of the schedule, in order.
func checkNights(t *testing.T, ticks []timer.Tick, began, ended time.Time) {
	t.Helper()
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cron.Parse("30 2 * * *", madrid)
	if err != nil {
		t.Fatal(err)
	}
	var want []time.Time
	for at := s.Next(began); at.Before(ended); at = s.Next(at) {
		want = append(want, at)
	}
	var got []time.Time
	for _, tick := range ticks {
		got = append(got, tick.Nominal)
		if late := tick.Actual.Sub(tick.Nominal); late > time.Minute || tick.Missed != 0 {
			t.Errorf("the tick of %v was called %s late, with %d missed", tick.Nominal, late, tick.Missed)
		}
	}
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("got %d ticks, want %d:\n%v\n%v", len(got), len(want), got, want)
	}
}

func startNight(t *testing.T, b *broker.Broker, ticks *book) *service.Container {
	t.Helper()
	c, err := service.New(service.Config{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))},
		&Night{Book: ticks},
		service.Configure(transport.Config{
			URI: "amqp://memory", Heartbeat: time.Hour, TopologyCheck: 24 * time.Hour,
			Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) },
		}),
		service.Configure(join(25*time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func stop(t *testing.T, c *service.Container) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}
