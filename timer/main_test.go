package timer_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Clock is a service whose rows call Strike. A test starts one row.
type Clock struct {
	_ service.Name `service:"clock"`

	Entrypoints struct {
		Plain   timer.Interval `timer:"1m" method:"Strike"`
		Eager   timer.Interval `timer:"1m" method:"Strike" eager:"true"`
		Skip    timer.Interval `timer:"1m" method:"Strike" eager:"1" missed:"skip"`
		CatchUp timer.Interval `timer:"1m" method:"Strike" eager:"true" missed:"all"`
		Jitter  timer.Interval `timer:"1m" method:"Strike" jitter:"20s"`
		Shaky   timer.Interval `timer:"1m" method:"Strike" eager:"true" jitter:"59s" missed:"all"`
		Limited timer.Interval `timer:"1m" method:"Strike" timeout:"30s"`
		Alone   timer.Interval `timer:"1m" method:"Strike" timeout:"30s" max_workers:"1"`
		Allow   timer.Interval `timer:"1m" method:"Strike" overlap:"allow"`
		Queue   timer.Interval `timer:"1m" method:"Strike" overlap:"queue"`
		Fine    timer.Interval `timer:"7ms" method:"Strike"`
		Untold  timer.Interval `timer:"1m" method:"Chime"`
	}

	Tower *tower
}

// A tower records the calls of Strike.
type tower struct {
	act   func(ctx context.Context, n int) error // runs in call n, the first is 1; may be nil
	start time.Time

	mu      sync.Mutex
	strikes []strike
}

// A strike is one call, with times since the start.
type strike struct {
	due, began time.Duration
	call       *service.Call
}

func (c *Clock) Strike(ctx context.Context, tick timer.Tick) error {
	t := c.Tower
	t.mu.Lock()
	t.strikes = append(t.strikes, strike{tick.Nominal.Sub(t.start), time.Since(t.start), service.FromContext(ctx)})
	n := len(t.strikes)
	t.mu.Unlock()
	if t.act == nil {
		return nil
	}
	return t.act(ctx, n)
}

func (c *Clock) Chime(ctx context.Context) error { return c.Strike(ctx, timer.Tick{}) }

// began returns when the calls began.
func (t *tower) began() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []time.Duration
	for _, s := range t.strikes {
		all = append(all, s.began)
	}
	return all
}

// due returns when the calls were due.
func (t *tower) due() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []time.Duration
	for _, s := range t.strikes {
		all = append(all, s.due)
	}
	return all
}

// start starts one row in a bubble, kills it when the test ends, and returns its log.
func start(t *testing.T, tw *tower, row string, cfg service.Config, options ...any) (*service.Container, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	cfg.Only, cfg.Logger = []string{"clock." + row}, slog.New(slog.NewTextHandler(log, nil))
	c, err := service.New(cfg, append(options, &Clock{Tower: tw})...)
	if err != nil {
		t.Fatal(err)
	}
	tw.start = time.Now()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	return c, log
}

// stop stops the container without an error.
func stop(t *testing.T, c *service.Container) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the container ended: %v", err)
	}
}

// every returns n multiples of step, the first one first*step.
func every(step time.Duration, first, n int) []time.Duration {
	var all []time.Duration
	for i := range n {
		all = append(all, time.Duration(first+i)*step)
	}
	return all
}

// seconds returns durations.
func seconds(list ...int) []time.Duration {
	var all []time.Duration
	for _, s := range list {
		all = append(all, time.Duration(s)*time.Second)
	}
	return all
}

func same(t *testing.T, what string, got, want []time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
