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

// Interval is a row of the entrypoint table: a method that is called again and again, `timer:"1m"`. The tag is the time from
// tick to tick, as [time.ParseDuration] reads it. The method is func(ctx) error or func(ctx, [Tick]) error. Further keys
// are eager:"true", jitter:"5s" and late:"catchup": see the package.
type Interval struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Interval) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	s, err := parse(r.Tag)
	told, bindErr := bind(r)
	if err := errors.Join(r.Tag.Keys("timer", "eager", "jitter", "late"), err, bindErr); err != nil {
		return nil, err
	}
	return &ticker{row: r, schedule: s, told: told, stopped: make(chan struct{})}, nil
}

// bind binds the row's method, and says whether it is told the Tick. Calls go by the name that it has in Go.
func bind(r *service.Row) (told bool, err error) {
	params := r.Params()
	told = slices.Equal(params, []reflect.Type{reflect.TypeFor[Tick]()})
	if len(params) > 0 && !told {
		return false, fmt.Errorf("%s takes %v after ctx, and a timer has a timer.Tick to give, or nothing: write %[1]s(ctx context.Context) error", r.Method, params)
	}
	_, err = r.Bind(r.Method, params...)
	return told, err
}

// parse reads the row's tag.
func parse(tag service.Tag) (s schedule, err error) {
	var mistakes []error
	if text := tag.Get("timer"); text == "" {
		mistakes = append(mistakes, errors.New(`has no interval: write the time from call to call, as in timer:"1m"`))
	} else if s.interval, err = duration("timer", text); err != nil {
		mistakes = append(mistakes, err)
	}
	if text := tag.Get("jitter"); text != "" {
		s.jitter, err = duration("jitter", text)
		if err == nil && s.interval > 0 && s.jitter >= s.interval {
			err = fmt.Errorf("jitter %s is not below the interval, %s: ticks would change places; make it less", text, tag.Get("timer"))
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

// duration reads the value of a key that is a time above 0. Who comes from Nameko writes seconds without a unit.
func duration(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if _, unitless := strconv.ParseFloat(text, 64); unitless == nil {
		if seconds, err := time.ParseDuration(text + "s"); err == nil && seconds > 0 {
			return 0, fmt.Errorf(`%s %q has no unit: for seconds write %[1]s:"%[2]ss"`, key, text)
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%s %q is no duration: write it with units, as in "90s", "1m30s" or "24h"`, key, text)
	case d <= 0:
		return 0, fmt.Errorf(`%s %q is not above 0: write a time that is, as in %[1]s:"5s"`, key, text)
	}
	return d, nil
}
