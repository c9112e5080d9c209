package cron_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A field is a field of an expression, with the values that it names.
type field struct {
	text  string
	names func(value int) bool
	star  bool
}

// randomField returns a field for values from min to max.
func randomField(r *rand.Rand, min, max int) field {
	switch r.IntN(6) {
	case 0, 1:
		return field{"*", func(int) bool { return true }, true}
	case 2:
		step := 1 + r.IntN((max-min)/2)
		return field{fmt.Sprintf("*/%d", step), func(v int) bool { return (v-min)%step == 0 }, true}
	case 3:
		low := min + r.IntN(max-min)
		high := low + r.IntN(max-low+1)
		return field{fmt.Sprintf("%d-%d", low, high), func(v int) bool { return low <= v && v <= high }, false}
	}
	var values []int
	var texts []string
	for range 1 + r.IntN(3) {
		v := min + r.IntN(max-min+1)
		values, texts = append(values, v), append(texts, strconv.Itoa(v))
	}
	return field{strings.Join(texts, ","), func(v int) bool { return slices.Contains(values, v) }, false}
}

// A slow evaluator goes through time minute by minute, like a cron daemon.
type slow struct {
	minute, hour, day, month, weekday field
	highest                           time.Time // the latest time that the clock has shown
}

func randomSlow(r *rand.Rand) *slow {
	return &slow{
		minute: randomField(r, 0, 59), hour: randomField(r, 0, 23),
		day: randomField(r, 1, 28), month: randomField(r, 1, 12), weekday: randomField(r, 0, 6),
	}
}

func (s *slow) String() string {
	return strings.Join([]string{s.minute.text, s.hour.text, s.day.text, s.month.text, s.weekday.text}, " ")
}

func (s *slow) names(shown time.Time) bool {
	if !s.minute.names(shown.Minute()) || !s.hour.names(shown.Hour()) || !s.month.names(int(shown.Month())) {
		return false
	}
	day, weekday := s.day.names(shown.Day()), s.weekday.names(int(shown.Weekday()))
	if s.day.star || s.weekday.star {
		return day && weekday
	}
	return day || weekday
}

// ticks reports whether a tick is due now that the clock shows a minute. Each minute is passed in
// order of real time.
func (s *slow) ticks(shown time.Time) bool {
	if s.minute.star || s.hour.star {
		return s.names(shown)
	}
	due := false
	for m := s.highest.Add(time.Minute); !m.After(shown); m = m.Add(time.Minute) {
		due = due || s.names(m)
		s.highest = m
	}
	return due
}

// Random expressions tick when an evaluator that goes through 20 years minute by minute says so.
func TestNextProperty(t *testing.T) {
	t.Parallel()
	zones := []string{
		"UTC", "Europe/Madrid", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
		"America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran", "Asia/Amman", "Africa/Casablanca",
	}
	for i, name := range zones {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			seed := time.Now().UnixNano() + int64(i)
			r := rand.New(rand.NewPCG(uint64(seed), 0))
			compare(t, r, zone, seed)
		})
	}
}

// compare runs some expressions at once, since most of the time goes into reading the clock.
func compare(t *testing.T, r *rand.Rand, zone *time.Location, seed int64) {
	from := time.Date(2005+r.IntN(21-years), 1, 1, 0, 0, 0, 0, zone)
	to := from.AddDate(years, 0, 0)
	slows := make([]*slow, 4)
	nexts := make([]func(time.Time) time.Time, len(slows))
	expected := make([]time.Time, len(slows))
	for i := range slows {
		slows[i] = randomSlow(r)
		slows[i].highest = from.Add(offset(from) - time.Minute).UTC()
		nexts[i] = parse(t, slows[i].String(), zone.String()).Next
		expected[i] = nexts[i](from.Add(-time.Second))
	}
	for now := from; now.Before(to); now = now.Add(time.Minute) {
		shown := now.Add(offset(now)).UTC()
		for i, s := range slows {
			due := s.ticks(shown)
			if due != expected[i].Equal(now) {
				t.Fatalf("%q in %s (seed %d): at %s a tick is due: %t; Next said %s", s, zone, seed, now.Format(layout), due, expected[i].Format(layout))
			}
			if due {
				expected[i] = nexts[i](now)
			}
		}
	}
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
