package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Schedule is a parsed cron expression in a time zone. It is immutable, and may be used by
// several goroutines.
type Schedule struct {
	text                    string
	zone                    *time.Location
	second, minute, hour    uint64 // bit n: value n matches
	month                   uint64
	day                     monthDays
	weekday                 weekDays
	interval                bool // follows the clock rather than fixed times
	anyMonthDay, anyWeekday bool // the field begins with *, so that both days must match
}

// macros are the expressions that the names beginning with @ stand for.
var macros = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

// Parse parses a cron expression, whose times are in zone; nil means UTC. The error reports all
// mistakes, each with its field. An expression that never matches, such as "0 0 30 2 *", is a
// mistake.
func Parse(expression string, zone *time.Location) (*Schedule, error) {
	if zone == nil {
		zone = time.UTC
	}
	s := &Schedule{text: expression, zone: zone}
	fields, err := split(expression)
	if err != nil {
		return nil, fmt.Errorf("cron expression %q %w", expression, err)
	}
	var mistakes []error
	set := func(u unit, text string) uint64 {
		bits, err := u.parse(text)
		mistakes = append(mistakes, err)
		return bits
	}
	s.second, s.minute, s.hour = set(second, fields[0]), set(minute, fields[1]), set(hour, fields[2])
	s.day, err = parseMonthDays(fields[3])
	mistakes = append(mistakes, err)
	s.month = set(month, fields[4])
	s.weekday, err = parseWeekDays(fields[5])
	mistakes = append(mistakes, err)
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("cron expression %q: %w", expression, err)
	}
	s.interval = strings.Contains(fields[1], "*") || strings.Contains(fields[2], "*")
	s.anyMonthDay = strings.HasPrefix(fields[3], "*")
	s.anyWeekday = strings.HasPrefix(fields[5], "*")
	if _, ok := s.match(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return nil, fmt.Errorf("cron expression %q never matches: none of its months has such a day", expression)
	}
	return s, nil
}

const fiveOrSix = "write five (minute hour day month weekday), or six with seconds first"

var errInterval = errors.New("is an interval and not a cron expression: use timer.Interval")

// split returns the six fields of an expression, or of the one that its name stands for.
func split(expression string) ([]string, error) {
	text := strings.TrimSpace(expression)
	if strings.HasPrefix(text, "@") {
		full, ok := macros[strings.ToLower(text)]
		switch {
		case ok:
			text = full
		case strings.HasPrefix(text, "@every"):
			return nil, errInterval
		default:
			return nil, errors.New("is unknown: the names are @yearly, @monthly, @weekly, @daily and @hourly")
		}
	}
	fields := strings.Fields(text)
	if len(fields) > 0 && strings.Contains(fields[0], "TZ=") {
		return nil, errors.New("has a time zone: pass it separately")
	}
	switch len(fields) {
	case 5:
		return append([]string{"0"}, fields...), nil
	case 6:
		return fields, nil
	case 1:
		if _, err := time.ParseDuration(text); err == nil {
			return nil, errInterval
		}
		return nil, errors.New("has one field: " + fiveOrSix)
	}
	return nil, fmt.Errorf("has %d fields: %s", len(fields), fiveOrSix)
}

// String returns the expression as it was parsed.
func (s *Schedule) String() string { return s.text }

// Zone returns the time zone of the schedule.
func (s *Schedule) Zone() *time.Location { return s.zone }

// Next returns the first tick after t, in the schedule's zone.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.In(s.zone)
	if s.interval {
		return s.nextInterval(t)
	}
	return s.nextFixed(t)
}

// nextInterval returns the first instant after t at which the clock shows a matching time.
func (s *Schedule) nextInterval(t time.Time) time.Time {
	from := clock(t).Add(time.Second)
	for {
		_, end := t.ZoneBounds()
		_, offset := t.Zone()
		shown, ok := s.match(from)
		if !ok {
			return time.Time{}
		}
		tick := shown.Add(-time.Duration(offset) * time.Second).In(s.zone)
		if end.IsZero() || tick.Before(end) {
			return tick
		}
		t = end.In(s.zone)
		from = clock(t)
	}
}

// nextFixed returns the first instant after t at which the clock reaches or passes a matching time
// that it has not reached before.
func (s *Schedule) nextFixed(t time.Time) time.Time {
	shown := clock(t)
	for {
		var ok bool
		if shown, ok = s.match(shown.Add(time.Second)); !ok {
			return time.Time{}
		}
		if tick := reached(shown, s.zone); tick.After(t) {
			return tick
		}
	}
}

// match returns the first matching clock time at or after shown, and false if there is none in 400
// years, after which the calendar repeats.
func (s *Schedule) match(shown time.Time) (time.Time, bool) {
	last := shown.AddDate(400, 0, 0)
	for !shown.After(last) {
		year, month, day := shown.Date()
		switch {
		case s.month&(1<<month) == 0:
			shown = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case s.matchDay(shown):
			if after, ok := s.matchTime(shown.Clock()); ok {
				return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(after), true
			}
		}
		shown = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}, false
}

// matchTime returns the first matching time of day at or after the given one, from midnight on.
func (s *Schedule) matchTime(fromHour, fromMinute, fromSecond int) (time.Duration, bool) {
	for h := next(s.hour, fromHour); h >= 0; h = next(s.hour, h+1) {
		if h > fromHour {
			fromMinute, fromSecond = 0, 0
		}
		for m := next(s.minute, fromMinute); m >= 0; m = next(s.minute, m+1) {
			if m > fromMinute {
				fromSecond = 0
			}
			if sec := next(s.second, fromSecond); sec >= 0 {
				return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second, true
			}
		}
	}
	return 0, false
}

func (s *Schedule) matchDay(day time.Time) bool {
	if s.anyMonthDay || s.anyWeekday {
		return s.day.match(day) && s.weekday.match(day)
	}
	return s.day.match(day) || s.weekday.match(day)
}

// clock returns what the clock shows at t, as a time in UTC, without fractions of a second.
func clock(t time.Time) time.Time {
	_, offset := t.Zone()
	return time.Unix(t.Unix()+int64(offset), 0).UTC()
}

// reached returns the first instant at which the clock of zone has reached or passed shown: shown
// itself, the first of two, or the end of the gap that it lies in.
func reached(shown time.Time, zone *time.Location) time.Time {
	// No offset is larger than a day, so the clock has not reached shown two days before it.
	t := shown.Add(-48 * time.Hour).In(zone)
	for {
		_, end := t.ZoneBounds()
		_, offset := t.Zone()
		tick := shown.Add(-time.Duration(offset) * time.Second).In(zone)
		if end.IsZero() || tick.Before(end) {
			if tick.Before(t) {
				return t // the clock jumped over it when this offset began
			}
			return tick
		}
		t = end.In(zone)
	}
}
