package ticks

import (
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer/cron"
)

// A Schedule says when something ticks.
type Schedule interface {
	// Next returns the first tick after t.
	Next(t time.Time) time.Time
	String() string
}

// Every ticks at a fixed interval, starting from the time that is passed to Next.
type Every time.Duration

// Next implements [Schedule].
func (d Every) Next(t time.Time) time.Time { return t.Add(time.Duration(d)) }

// String returns the interval in the format of [time.Duration].
func (d Every) String() string { return time.Duration(d).String() }

var (
	_ Schedule = Every(0)
	_ Schedule = (*cron.Schedule)(nil)
)

// A Plan is a schedule, and what happens to late and overlapping ticks.
type Plan struct {
	Schedule Schedule
	Missed   Missed
	Overlap  Overlap
}

// Due returns the tick to call at now, and the number of ticks that are skipped before it. last is
// the last tick that was called. If none is due, the returned tick is in the future.
func (p Plan) Due(last, now time.Time) (tick time.Time, skipped int) {
	return p.Missed.due(p.Schedule, last, now)
}

// An Overlap says what happens when a tick is due while the call of an earlier one is running.
type Overlap string

// Values of the tag key overlap.
const (
	OverlapSkip  Overlap = "skip"
	OverlapAllow Overlap = "allow"
	OverlapQueue Overlap = "queue"
)

// ReadPolicies sets the plan's policies from the tag keys missed and overlap.
func (p *Plan) ReadPolicies(tag service.Tag) error {
	var mistakes []error
	switch p.Missed = Missed(tag.Get("missed")); p.Missed {
	case "":
		p.Missed = MissedOnce
	case MissedOnce, MissedAll, MissedSkip:
	default:
		mistakes = append(mistakes, fmt.Errorf(`missed %q is unknown: write missed:"once", missed:"all" or missed:"skip"`, p.Missed))
	}
	switch p.Overlap = Overlap(tag.Get("overlap")); p.Overlap {
	case "":
		p.Overlap = OverlapSkip
	case OverlapSkip, OverlapAllow, OverlapQueue:
	default:
		mistakes = append(mistakes, fmt.Errorf(`overlap %q is unknown: write overlap:"skip", overlap:"allow" or overlap:"queue"`, p.Overlap))
	}
	return errors.Join(mistakes...)
}

// ReadCron sets the plan's schedule from the cron expression in a tag key, in the time zone of the
// key tz.
func (p *Plan) ReadCron(tag service.Tag, key string) error {
	var mistakes []error
	zone, err := Zone(tag.Get("tz"))
	if err != nil {
		mistakes = append(mistakes, err)
	}
	if text := tag.Get(key); text == "" {
		mistakes = append(mistakes, fmt.Errorf(`has no cron expression: write one, as in %s:"30 2 * * *" for 02:30 each day`, key))
	} else if s, err := cron.Parse(text, zone); err != nil {
		mistakes = append(mistakes, err)
	} else {
		p.Schedule = s
	}
	return errors.Join(mistakes...)
}

// Zone returns the time zone with the name in the tag key tz; "" means UTC.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf(`tz %q is not a time zone: write a name such as tz:"Europe/Madrid"`, name)
	}
	return zone, nil
}
