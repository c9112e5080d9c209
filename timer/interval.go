package timer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Interval is an entrypoint row whose method is called periodically. Its tag is the time from tick
// to tick, in the format of [time.ParseDuration]:
//
//	Sweep timer.Interval `timer:"1m"`
//
// The method is func(ctx) error or func(ctx, [Tick]) error. The package's documentation describes
// the further tag keys eager, jitter and late.
type Interval struct{}

// A Tick describes the tick that a method is called for. A method may take it after ctx.
type Tick struct {
	// Time is when the tick was due, without jitter. The call may have begun later. If the system
	// clock was set since the start, Time follows it.
	Time time.Time
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Interval) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	s, err := parse(r.Tag)
	takesTick, bindErr := bind(r)
	if err := errors.Join(r.Tag.Keys("timer", "eager", "jitter", "late"), err, bindErr); err != nil {
		return nil, err
	}
	return &ticker{row: r, schedule: s, takesTick: takesTick, stopped: make(chan struct{})}, nil
}

// bind binds the row's method, and reports whether it takes a Tick. The method's name in call ids
// is its Go name.
func bind(r *service.Row) (takesTick bool, err error) {
	params := r.Params()
	takesTick = slices.Equal(params, []reflect.Type{reflect.TypeFor[Tick]()})
	if len(params) > 0 && !takesTick {
		return false, fmt.Errorf("%s takes %v after ctx, but a timer passes a timer.Tick or nothing: write %[1]s(ctx context.Context) error", r.Method, params)
	}
	_, err = r.Bind(r.Method, params...)
	return takesTick, err
}

// parse parses the row's tag into a schedule.
func parse(tag service.Tag) (s schedule, err error) {
	var mistakes []error
	if text := tag.Get("timer"); text == "" {
		mistakes = append(mistakes, errors.New(`has no interval: write the time between calls, as in timer:"1m"`))
	} else if s.interval, err = duration("timer", text); err != nil {
		mistakes = append(mistakes, err)
	}
	if text := tag.Get("jitter"); text != "" {
		s.jitter, err = duration("jitter", text)
		if err == nil && s.interval > 0 && s.jitter >= s.interval {
			err = fmt.Errorf("jitter %s must be less than the interval %s, so that ticks keep their order", text, tag.Get("timer"))
		}
		mistakes = append(mistakes, err)
	}
	s.eager, err = tag.Flag("eager", false)
	mistakes = append(mistakes, err)
	switch text := tag.Get("late"); text {
	case "", "skip":
	case "catchup":
		s.catchUp = true
	default:
		mistakes = append(mistakes, fmt.Errorf(`late %q is unknown: write late:"skip" or late:"catchup"`, text))
	}
	return s, errors.Join(mistakes...)
}

// duration parses the value of a tag key. A number without a unit, as Nameko has it, is a mistake.
func duration(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if _, unitless := strconv.ParseFloat(text, 64); unitless == nil {
		if seconds, err := time.ParseDuration(text + "s"); err == nil && seconds > 0 {
			return 0, fmt.Errorf(`%s %q has no unit: for seconds write %[1]s:"%[2]ss"`, key, text)
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%s %q is not a duration: write a number with a unit, as in "90s", "1m30s" or "24h"`, key, text)
	case d <= 0:
		return 0, fmt.Errorf(`%s %q must be more than 0, as in %[1]s:"5s"`, key, text)
	}
	return d, nil
}
