package timer_test

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
)

// A tick is a call like any other.
func TestCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tw := new(tower)
		rows := 0
		count := func(next service.Runner) service.Runner {
			return func(ctx context.Context) (any, error) {
				rows++
				return next(service.Language.With(ctx, "en"))
			}
		}
		c, _ := start(t, tw, "Eager", service.Config{Middleware: []service.Middleware{count}})
		<-time.After(90 * time.Second)
		stop(t, c)
		if len(tw.strikes) != 2 || rows != 2 {
			t.Fatalf("got %d calls, %d through the middleware, want 2", len(tw.strikes), rows)
		}
		id := regexp.MustCompile(`^clock\.Strike\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)
		for _, s := range tw.strikes {
			call := s.call
			if call.Service != "clock" || call.Method != "Strike" || call.Row != "Eager" || !id.MatchString(call.ID) {
				t.Errorf("got the call %+v, want one of clock.Strike by the row Eager", call)
			}
			if len(call.Parents) > 0 || len(call.Data) > 0 || call.Redelivered || call.Attempt != 1 {
				t.Errorf("got the call %+v, want it of no other call, and without data", call)
			}
		}
		if tw.strikes[0].call.ID == tw.strikes[1].call.ID {
			t.Error("got one id for two calls")
		}
	})
}

// No outcome of a call stops or shifts the timer.
func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, row string
		act       func(context.Context) error
		log       string
	}{
		{"error", "Plain", func(context.Context) error { return errors.New("out of order") }, "out of order"},
		{"exit", "Plain", func(context.Context) error { runtime.Goexit(); return nil }, "runtime.Goexit"},
		{"panic", "Plain", func(context.Context) error { panic("the rope tore") }, "the rope tore"},
		{"timeout", "Limited", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "level=ERROR"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tw := &tower{act: func(ctx context.Context, _ int) error { return tc.act(ctx) }}
				c, log := start(t, tw, tc.row, service.Config{})
				<-time.After(5*time.Minute + 45*time.Second)
				stop(t, c)
				same(t, "began", tw.began(), every(time.Minute, 1, 5))
				if got := strings.Count(log.String(), tc.log); got < 5 {
					t.Errorf("got %d lines with %q, want one of each call:\n%s", got, tc.log, log)
				}
			})
		})
	}
}

// A method that ignores its context is not waited for after its timeout, unless the row has
// max_workers.
func TestStuck(t *testing.T) {
	t.Parallel()
	for row, want := range map[string][]time.Duration{
		"Limited": seconds(60, 120, 180, 240, 300),
		"Alone":   seconds(60, 160, 180, 240, 300),
	} {
		t.Run(row, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tw := &tower{act: lasts(100)}
				c, _ := start(t, tw, row, service.Config{})
				<-time.After(330 * time.Second)
				stop(t, c)
				same(t, "began", tw.began(), want)
			})
		})
	}
}

// A tick waits for a free worker, and for the previous tick.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tw := &tower{act: lasts(90)}
		c, log := start(t, tw, "Plain", service.Config{MaxWorkers: 1})
		<-time.After(30 * time.Second)
		busy := make(chan error, 1)
		go func() {
			_, err := c.Rows()[0].Run(t.Context(), service.Request{Leading: []any{timer.Tick{}}})
			busy <- err
		}()
		<-time.After(149 * time.Second)
		if err := <-busy; err != nil {
			t.Error(err)
		}
		stop(t, c)
		same(t, "began", tw.began(), seconds(30, 120, 120))
		same(t, "due", tw.due()[1:], seconds(60, 120))
		if strings.Contains(log.String(), "skipped") {
			t.Errorf("logged %s, want nothing skipped", log)
		}
	})
}

// A stop ends the ticks at once, and waits for the running call.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, row := range []string{"Plain", "CatchUp"} {
		t.Run(row, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := false
				tw := &tower{act: func(context.Context, int) error {
					<-time.After(10 * time.Minute)
					ended = true
					return nil
				}}
				c, _ := start(t, tw, row, service.Config{})
				<-time.After(2 * time.Minute)
				began := time.Now()
				stop(t, c)
				if took := time.Since(began); !ended || took < 8*time.Minute || took > 9*time.Minute {
					t.Errorf("got the stop after %v, the call ended: %v, want the stop with the call's end", took, ended)
				}
				<-time.After(time.Hour)
				if got := len(tw.began()); got != 1 {
					t.Errorf("got %d calls, want the one that ran at the stop", got)
				}
			})
		})
	}
}

// Between ticks, a stop returns immediately.
func TestStopBetween(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tw := new(tower)
		c, _ := start(t, tw, "Plain", service.Config{})
		<-time.After(90 * time.Second)
		began := time.Now()
		stop(t, c)
		if took := time.Since(began); took > 0 || len(tw.began()) != 1 {
			t.Errorf("got the stop after %v and %d calls, want it at once and 1", took, len(tw.began()))
		}
	})
}

func TestKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cause error
		tw := &tower{act: func(ctx context.Context, _ int) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return cause
		}}
		c, _ := start(t, tw, "CatchUp", service.Config{})
		<-time.After(150 * time.Second)
		c.Kill()
		synctest.Wait()
		if cause == nil || len(tw.began()) != 1 {
			t.Errorf("got the cause %v and %d calls, want the call ended by the kill, and no other", cause, len(tw.began()))
		}
	})
}

// Quick is the service of TestRules. Its calls are provoked by the passing of time.
type Quick struct {
	_ service.Name `service:"quick"`

	Entrypoints struct {
		Strike timer.Interval `timer:"1s"`
	}
}

func (*Quick) Strike(context.Context) error { return nil }

func TestRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servicetest.TestEntrypoint(t, new(Quick), func(context.Context) error { return nil })
	})
}

// Wrong has every mistake of a row.
type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		None     timer.Interval `eager:"true" method:"Fine"`
		Seconds  timer.Interval `timer:"60" method:"Fine"`
		Half     timer.Interval `timer:"0.5" method:"Fine"`
		Cron     timer.Interval `timer:"30 2 * * *" method:"Fine"`
		Day      timer.Interval `timer:"1d" method:"Fine"`
		Zero     timer.Interval `timer:"0" method:"Fine"`
		Negative timer.Interval `timer:"-1m" method:"Fine"`
		Wide     timer.Interval `timer:"1m" jitter:"60s" method:"Fine"`
		Back     timer.Interval `timer:"1m" jitter:"-1s" method:"Fine"`
		Unit     timer.Interval `timer:"1m" jitter:"5" method:"Fine"`
		Yes      timer.Interval `timer:"1m" eager:"yes" method:"Fine"`
		Later    timer.Interval `timer:"1m" missed:"catch_up" method:"Fine"`
		Typo     timer.Interval `timer:"1m" jiter:"5s" method:"Fine"`
		All      timer.Interval `timer:"-1m" jitter:"x" eager:"x" missed:"x" overlap:"x" once:"x" method:"Two"`
		Missing  timer.Interval `timer:"1m"`
		Pointer  timer.Interval `timer:"1m"`
		Two      timer.Interval `timer:"1m"`
		Bare     timer.Interval `timer:"1m"`
	}
}

func (*Wrong) Fine(context.Context) error                 { return nil }
func (*Wrong) Pointer(context.Context, *timer.Tick) error { return nil }
func (*Wrong) Two(context.Context, timer.Tick, int) error { return nil }
func (*Wrong) Bare() error                                { return nil }

func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Wrong))
	want := []string{
		`None: has no interval: write the time between calls, as in timer:"1m"`,
		`Seconds: timer "60" has no unit: for seconds write timer:"60s"`,
		`Half: timer "0.5" has no unit: for seconds write timer:"0.5s"`,
		`Cron: timer "30 2 * * *" is a cron expression: make the row a timer.Cron, not a timer.Interval`,
		`Day: timer "1d" is not a duration: write a number with a unit, as in "90s", "1m30s" or "24h"`,
		`Zero: timer "0" must be more than 0, as in timer:"5s"`,
		`Negative: timer "-1m" must be more than 0, as in timer:"5s"`,
		`Wide: jitter 60s must be less than the time between ticks, 1m0s, so that they keep their order`,
		`Back: jitter "-1s" must be more than 0, as in jitter:"5s"`,
		`Unit: jitter "5" has no unit: for seconds write jitter:"5s"`,
		`Yes: eager: must be "true" or "false", not "yes"`,
		`Later: missed "catch_up" is unknown: write missed:"once", missed:"all" or missed:"skip"`,
		`Typo: unknown key jiter in its tag: did you mean jitter?`,
		`All: timer "-1m" must be more than 0, as in timer:"5s"`,
		`All: once "x" is unknown: write once:"fleet", or omit it to tick in each process`,
		`All: jitter "x" is not a duration: write a number with a unit, as in "90s", "1m30s" or "24h"`,
		`All: eager: must be "true" or "false", not "x"`,
		`All: missed "x" is unknown: write missed:"once", missed:"all" or missed:"skip"`,
		`All: overlap "x" is unknown: write overlap:"skip", overlap:"allow" or overlap:"queue"`,
		`All: Two takes (timer.Tick, int) after ctx, but a timer passes a timer.Tick or nothing: write Two(ctx context.Context) error`,
		`Missing: no such method: add func (w *Wrong) Missing(ctx context.Context) (any, error)`,
		`Pointer: Pointer takes (*timer.Tick) after ctx, but a timer passes a timer.Tick or nothing: write Pointer(ctx context.Context) error`,
		`Two: Two takes (timer.Tick, int) after ctx, but a timer passes a timer.Tick or nothing: write Two(ctx context.Context) error`,
		`Bare: the first parameter of Bare must be context.Context: write func (w *Wrong) Bare(ctx context.Context) error`,
	}
	got := strings.Split(strings.ReplaceAll(errText(err), "service wrong: ", ""), "\n")
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("got  %s\nwant %s", g, w)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
