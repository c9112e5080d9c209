package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// A unit is what a field counts, with the values that it may have.
type unit struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

var (
	second   = unit{name: "second", max: 59}
	minute   = unit{name: "minute", max: 59}
	hour     = unit{name: "hour", max: 23}
	monthDay = unit{name: "day of month", min: 1, max: 31}
	month    = unit{name: "month", min: 1, max: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekDay  = unit{name: "day of week", max: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
)

// monthDays are the days of a month that match.
type monthDays struct {
	days     uint64
	fromLast uint64 // bit n: n days before the last day of the month
}

func (d monthDays) match(day time.Time) bool {
	return d.days&(1<<day.Day()) != 0 || d.fromLast&(1<<(lastDay(day)-day.Day())) != 0
}

// weekDays are the days of a week that match, and those that match in one week of the month.
type weekDays struct {
	days uint64
	last uint64
	nth  [6]uint64 // by the week of the month, from 1
}

func (d weekDays) match(day time.Time) bool {
	bit := uint64(1) << day.Weekday()
	return d.days&bit != 0 || d.nth[(day.Day()+6)/7]&bit != 0 || d.last&bit != 0 && day.Day()+7 > lastDay(day)
}

func lastDay(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func parseMonthDays(text string) (d monthDays, err error) {
	d.days, err = monthDay.each(text, func(item string) (bool, error) {
		rest, ok := strings.CutPrefix(strings.ToUpper(item), "L")
		if !ok {
			return false, nil
		}
		before := 0
		if rest != "" {
			number, ok := strings.CutPrefix(rest, "-")
			n, err := strconv.Atoi(number)
			if !ok || err != nil || n < 0 || n > 30 {
				return true, fmt.Errorf("day of month: %q is unknown: write L for the last day, or L-3 for three days before it", item)
			}
			before = n
		}
		d.fromLast |= 1 << before
		return true, nil
	})
	return d, err
}

func parseWeekDays(text string) (d weekDays, err error) {
	d.days, err = weekDay.each(text, func(item string) (bool, error) {
		if name, week, ok := strings.Cut(item, "#"); ok {
			day, err := weekDay.value(name)
			n, numErr := strconv.Atoi(week)
			if err != nil || numErr != nil || n < 1 || n > 5 {
				return true, fmt.Errorf("day of week: %q is unknown: write 5#2 or FRI#2 for the second Friday, up to #5", item)
			}
			d.nth[n] |= 1 << (day % 7)
			return true, nil
		}
		upper := strings.ToUpper(item)
		if name, ok := strings.CutSuffix(upper, "L"); ok {
			day, err := weekDay.value(name)
			if err != nil {
				return true, fmt.Errorf("day of week: %q is unknown: write 5L or FRIL for the last Friday", item)
			}
			d.last |= 1 << (day % 7)
			return true, nil
		}
		return false, nil
	})
	if d.days&(1<<7) != 0 {
		d.days |= 1
	}
	return d, err
}

// parse returns the values of a field as bits.
func (u unit) parse(text string) (uint64, error) {
	return u.each(text, func(string) (bool, error) { return false, nil })
}

// each parses the items of a list that special does not take, and returns their values as bits.
func (u unit) each(text string, special func(item string) (taken bool, err error)) (values uint64, err error) {
	for item := range strings.SplitSeq(text, ",") {
		taken, err := special(item)
		if err != nil {
			return 0, err
		}
		if taken {
			continue
		}
		bits, err := u.item(item)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", u.name, err)
		}
		values |= bits
	}
	return values, nil
}

// item parses *, a value or a range, each with or without a step.
func (u unit) item(text string) (uint64, error) {
	span, stepText, stepped := strings.Cut(text, "/")
	low, high := u.min, u.max
	if u.name == weekDay.name {
		high = 6
	}
	first, last, ranged := strings.Cut(span, "-")
	switch {
	case span == "*":
	case span == "?":
		return 0, fmt.Errorf("%q is unknown: write *", text)
	default:
		var err error
		if low, err = u.value(first); err != nil {
			return 0, err
		}
		if !stepped {
			high = low
		}
		if ranged {
			if high, err = u.value(last); err != nil {
				return 0, err
			}
			if u.name == weekDay.name && high == 0 && low > 0 {
				high = 7
			}
		}
	}
	if low > high {
		return 0, fmt.Errorf("the range %s is empty: write the smaller value first, or two ranges: %d-%d,%d-%d", span, low, u.max-u.wrap(), u.min, high)
	}
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return 0, fmt.Errorf("the step of %q must be an integer of at least 1", text)
		}
		if step > high-low && step > 1 {
			return 0, fmt.Errorf("the step of %q is longer than its range %d-%d: it would match only %d", text, low, high, low)
		}
	}
	var values uint64
	for v := low; v <= high; v += step {
		values |= 1 << v
	}
	return values, nil
}

// wrap is how far the last value is from max: Sunday is both 0 and 7.
func (u unit) wrap() int {
	if u.name == weekDay.name {
		return 1
	}
	return 0
}

func (u unit) value(text string) (int, error) {
	for i, name := range u.names {
		if strings.EqualFold(name, text) {
			return u.min + i, nil
		}
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, fmt.Errorf("%q is not a value: write %s", text, u.values())
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < u.min || n > u.max {
		return 0, fmt.Errorf("%q is not a value: write %s", text, u.values())
	}
	return n, nil
}

// values describes the values of the unit.
func (u unit) values() string {
	numbers := fmt.Sprintf("%d to %d", u.min, u.max)
	if len(u.names) == 0 {
		return numbers
	}
	return fmt.Sprintf("%s, or %s to %s", numbers, u.names[0], u.names[len(u.names)-1])
}

// next returns the smallest value in set that is at least from, or -1.
func next(set uint64, from int) int {
	set = set >> from << from
	if from > 63 || set == 0 {
		return -1
	}
	return bits.TrailingZeros64(set)
}
