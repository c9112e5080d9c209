package timer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer/cron"
)

// Interval is an entrypoint row whose method is called periodically. Its tag is the time from tick
// to tick, in the format of [time.ParseDuration]:
//
//	Sweep timer.Interval `timer:"1m"`
//	Purge timer.Interval `timer:"1h" once:"fleet"`
//
// The method is func(ctx) error or func(ctx, [Tick]) error. The package documentation describes the
// tag keys once, eager, jitter, missed and overlap.
type Interval struct{}

// A Tick describes the tick that a method is called for. A method may take it after ctx.
type Tick struct {
	// Nominal is when the tick was due, without jitter.
	Nominal time.Time

	// Actual is when the call began.
	Actual time.Time

	// Missed is how many ticks between the previous call and this one were skipped.
	Missed int
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Interval) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	t := &ticker{row: r}
	var mistakes []error
	if text := r.Tag.Get("timer"); text == "" {
		mistakes = append(mistakes, errors.New(`has no interval: write the time between calls, as in timer:"1m"`))
	} else {
		d, err := duration("timer", text)
		t.plan.Schedule = ticks.Every(d)
		mistakes = append(mistakes, err)
	}
	switch text := r.Tag.Get("once"); text {
	case "":
	case "fleet":
		t.inFleet = true
	default:
		mistakes = append(mistakes, fmt.Errorf(`once %q is unknown: write once:"fleet", or omit it to tick in each process`, text))
	}
	mistakes = append(mistakes, t.options("once"))
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return t.entrypoint()
}

// Isolatable says that rows may have isolate:"process".
func (Interval) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Interval) Describe(r *service.Row) service.Description {
	details := map[string]any{"every": r.Tag.Get("timer")}
	if once := r.Tag.Get("once"); once != "" {
		details["once"] = once
	}
	return service.Description{Details: details}
}

// maxTimeout is the longest timeout of a row that ticks once in the fleet.
const maxTimeout = 25 * time.Minute

// options binds the method and parses the tag keys that all timers have, and those in others.
func (t *ticker) options(others ...string) error {
	tag := t.row.Tag
	mistakes := []error{tag.Keys(append(others, "timer", "eager", "jitter", "missed", "overlap")...)}
	add := func(err error) { mistakes = append(mistakes, err) }
	var err error
	if text := tag.Get("jitter"); text != "" {
		t.jitter, err = duration("jitter", text)
		if err == nil {
			err = t.checkJitter(text)
		}
		add(err)
	}
	t.eager, err = tag.Flag("eager", false)
	add(err)
	add(t.plan.ReadPolicies(tag))
	add(t.bind())
	if limit := t.row.Timeout(); t.inFleet && limit > maxTimeout {
		add(fmt.Errorf("timeout %s is longer than %s: for longer work, use a jobs.Job with the key cron", limit, maxTimeout))
	}
	return errors.Join(mistakes...)
}

// checkJitter checks that ticks keep their order.
func (t *ticker) checkJitter(text string) error {
	s := t.plan.Schedule
	if s == nil || s == ticks.Every(0) {
		return nil // its text is reported
	}
	at := s.Next(time.Now())
	for range 100 {
		next := s.Next(at)
		if gap := next.Sub(at); t.jitter >= gap {
			return fmt.Errorf("jitter %s must be less than the time between ticks, %s, so that they keep their order", text, gap)
		}
		at = next
	}
	return nil
}

// bind binds the row's method, which may take a Tick. The method's name in call ids is its Go name.
func (t *ticker) bind() error {
	r := t.row
	params := r.Params()
	t.takesTick = slices.Equal(params, []reflect.Type{reflect.TypeFor[Tick]()})
	if len(params) > 0 && !t.takesTick {
		types := make([]string, len(params))
		for i, p := range params {
			types[i] = p.String()
		}
		return fmt.Errorf("%s takes (%s) after ctx, but a timer passes a timer.Tick or nothing: write %[1]s(ctx context.Context) error",
			r.Method, strings.Join(types, ", "))
	}
	_, err := r.Bind(r.Method, params...)
	return err
}

// isCron reports whether text is a cron expression.
func isCron(text string) bool {
	_, err := cron.Parse(text, time.UTC)
	return err == nil
}

// duration parses the value of a tag key. A number without a unit is a mistake; Nameko
// takes one.
func duration(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if _, unitless := strconv.ParseFloat(text, 64); unitless == nil {
		if seconds, err := time.ParseDuration(text + "s"); err == nil && seconds > 0 {
			return 0, fmt.Errorf(`%s %q has no unit: for seconds write %[1]s:"%[2]ss"`, key, text)
		}
	}
	switch {
	case key == "timer" && isCron(text):
		return 0, fmt.Errorf(`%s %q is a cron expression: make the row a timer.Cron, not a timer.Interval`, key, text)
	case err != nil:
		return 0, fmt.Errorf(`%s %q is not a duration: write a number with a unit, as in "90s", "1m30s" or "24h"`, key, text)
	case d <= 0:
		return 0, fmt.Errorf(`%s %q must be more than 0, as in %[1]s:"5s"`, key, text)
	}
	return d, nil
}
