package cron_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/gomeko/gomeko/timer/cron"
)

// layout has the offset, which distinguishes the two passes of a repeated hour.
const layout = "2006-01-02 15:04:05 -0700"

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, expression, zone string
		from                   string // in layout
		want                   string // the next ticks, separated by |: times, with the date where it changes
	}{
		{"skipped time", "30 2 * * *", "Europe/Madrid", "2026-03-28 00:00:00 +0100",
			"2026-03-28 02:30:00 +0100|2026-03-29 03:00:00 +0200|2026-03-30 02:30:00 +0200"},
		{"repeated time", "30 2 * * *", "Europe/Madrid", "2026-10-24 00:00:00 +0200",
			"2026-10-24 02:30:00 +0200|2026-10-25 02:30:00 +0200|2026-10-26 02:30:00 +0100"},
		{"repeated time, from its second occurrence", "30 2 * * *", "Europe/Madrid", "2026-10-25 02:10:00 +0100",
			"2026-10-26 02:30:00 +0100"},
		{"steps over the skipped hour", "*/30 * * * *", "Europe/Madrid", "2026-03-29 01:00:00 +0100",
			"2026-03-29 01:30:00 +0100|2026-03-29 03:00:00 +0200|2026-03-29 03:30:00 +0200"},
		{"steps over the repeated hour", "*/30 * * * *", "Europe/Madrid", "2026-10-25 01:30:00 +0200",
			"2026-10-25 02:00:00 +0200|2026-10-25 02:30:00 +0200|2026-10-25 02:00:00 +0100|2026-10-25 02:30:00 +0100|2026-10-25 03:00:00 +0100"},
		{"each hour over the skipped hour", "0 * * * *", "Europe/Madrid", "2026-03-29 00:30:00 +0100",
			"2026-03-29 01:00:00 +0100|2026-03-29 03:00:00 +0200|2026-03-29 04:00:00 +0200"},
		{"each hour over the repeated hour", "15 * * * *", "Europe/Madrid", "2026-10-25 01:30:00 +0200",
			"2026-10-25 02:15:00 +0200|2026-10-25 02:15:00 +0100|2026-10-25 03:15:00 +0100"},
		{"before the repeated hour", "1 0 * * *", "Europe/Madrid", "2026-10-25 00:00:00 +0200",
			"2026-10-25 00:01:00 +0200|2026-10-26 00:01:00 +0100"},
		{"several skipped times run together", "0,30 2 * * *", "Europe/Madrid", "2026-03-29 00:00:00 +0100",
			"2026-03-29 03:00:00 +0200|2026-03-30 02:00:00 +0200"},
		{"a skipped time and the end of the gap", "30 2,3 * * *", "Europe/Madrid", "2026-03-29 00:00:00 +0100",
			"2026-03-29 03:00:00 +0200|2026-03-29 03:30:00 +0200"},
		{"steps in a fixed hour are an interval", "*/30 2 * * *", "Europe/Madrid", "2026-10-25 00:00:00 +0200",
			"2026-10-25 02:00:00 +0200|2026-10-25 02:30:00 +0200|2026-10-25 02:00:00 +0100|2026-10-25 02:30:00 +0100|2026-10-26 02:00:00 +0100"},
		{"skipped time, 12-hour country", "30 2 * * *", "America/New_York", "2026-03-07 12:00:00 -0500",
			"2026-03-08 03:00:00 -0400|2026-03-09 02:30:00 -0400"},
		{"repeated time, 12-hour country", "30 1 * * *", "America/New_York", "2026-10-31 12:00:00 -0400",
			"2026-11-01 01:30:00 -0400|2026-11-02 01:30:00 -0500"},
		{"half an hour skipped", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00:00 +1030",
			"2026-10-04 02:30:00 +1100|2026-10-05 02:15:00 +1100"},
		{"half an hour repeated", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00:00 +1100",
			"2026-04-05 01:45:00 +1100|2026-04-06 01:45:00 +1030"},
		{"steps over half an hour repeated", "*/15 * * * *", "Australia/Lord_Howe", "2026-04-05 01:30:00 +1100",
			"2026-04-05 01:45:00 +1100|2026-04-05 01:30:00 +1030|2026-04-05 01:45:00 +1030|2026-04-05 02:00:00 +1030"},
		{"UTC", "30 2 * * *", "UTC", "2026-03-28 12:00:00 +0000",
			"2026-03-29 02:30:00 +0000|2026-03-30 02:30:00 +0000"},
		{"skipped midnight", "0 0 * * *", "America/Sao_Paulo", "2017-10-14 12:00:00 -0300",
			"2017-10-15 01:00:00 -0200|2017-10-16 00:00:00 -0200"},
		{"midnight that occurs twice", "0 0 * * *", "America/Havana", "2026-10-31 12:00:00 -0400",
			"2026-11-01 00:00:00 -0400|2026-11-02 00:00:00 -0500"},
		{"hour of the day before repeated", "30 23 * * *", "America/Sao_Paulo", "2018-02-17 12:00:00 -0200",
			"2018-02-17 23:30:00 -0200|2018-02-18 23:30:00 -0300"},
		{"offset changed in history", "15 0 * * *", "Asia/Kathmandu", "1985-12-30 12:00:00 +0530",
			"1985-12-31 00:15:00 +0530|1986-01-01 00:15:00 +0545|1986-01-02 00:15:00 +0545"},
		{"offset changed in history, skipped", "5 0 1 1 *", "Asia/Kathmandu", "1985-12-30 12:00:00 +0530",
			"1986-01-01 00:15:00 +0545|1987-01-01 00:05:00 +0545"},
		{"a date that was skipped", "0 12 * * *", "Pacific/Apia", "2011-12-29 11:00:00 -1000",
			"2011-12-29 12:00:00 -1000|2011-12-31 00:00:00 +1400|2011-12-31 12:00:00 +1400"},
		{"29 February", "0 0 29 2 *", "UTC", "2026-01-01 00:00:00 +0000",
			"2028-02-29 00:00:00 +0000|2032-02-29 00:00:00 +0000"},
		{"29 February over 2100", "0 0 29 2 *", "UTC", "2097-01-01 00:00:00 +0000", "2104-02-29 00:00:00 +0000"},
		{"last day", "0 6 L * *", "UTC", "2027-12-31 06:00:00 +0000",
			"2028-01-31 06:00:00 +0000|2028-02-29 06:00:00 +0000|2028-03-31 06:00:00 +0000"},
		{"three days before the last", "0 6 L-3 2 *", "UTC", "2026-01-01 00:00:00 +0000", "2026-02-25 06:00:00 +0000"},
		{"last Friday", "0 6 * * FRIL", "UTC", "2026-01-01 00:00:00 +0000",
			"2026-01-30 06:00:00 +0000|2026-02-27 06:00:00 +0000"},
		{"second Friday", "0 6 * * 5#2", "UTC", "2026-01-01 00:00:00 +0000",
			"2026-01-09 06:00:00 +0000|2026-02-13 06:00:00 +0000"},
		{"fifth Sunday", "0 6 * * sun#5", "UTC", "2026-01-01 00:00:00 +0000",
			"2026-03-29 06:00:00 +0000|2026-05-31 06:00:00 +0000"},
		{"either day", "0 9 1 * MON", "UTC", "2026-05-29 12:00:00 +0000",
			"2026-06-01 09:00:00 +0000|2026-06-08 09:00:00 +0000|2026-06-15 09:00:00 +0000|2026-06-22 09:00:00 +0000|2026-06-29 09:00:00 +0000|2026-07-01 09:00:00 +0000"},
		{"both days", "0 9 */2 * MON", "UTC", "2026-06-01 09:00:00 +0000",
			"2026-06-15 09:00:00 +0000|2026-06-29 09:00:00 +0000|2026-07-13 09:00:00 +0000"},
		{"weekdays to Sunday", "0 9 * * FRI-SUN", "UTC", "2026-06-01 00:00:00 +0000",
			"2026-06-05 09:00:00 +0000|2026-06-06 09:00:00 +0000|2026-06-07 09:00:00 +0000|2026-06-12 09:00:00 +0000"},
		{"seconds", "5/25 59 23 31 DEC *", "UTC", "2026-12-31 23:59:10 +0000",
			"2026-12-31 23:59:30 +0000|2026-12-31 23:59:55 +0000|2027-12-31 23:59:05 +0000"},
		{"list, range and step", "0 8-18/5,22 * jan,Jul 1-5", "UTC", "2026-07-31 17:00:00 +0000",
			"2026-07-31 18:00:00 +0000|2026-07-31 22:00:00 +0000|2027-01-01 08:00:00 +0000"},
		{"name", " @Weekly ", "UTC", "2026-06-01 00:00:00 +0000", "2026-06-07 00:00:00 +0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, c.expression, c.zone)
			at, err := time.Parse(layout, c.from)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(c.want, "|")
			var got []string
			for range want {
				at = s.Next(at)
				got = append(got, at.Format(layout))
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("%q in %s after %s:\n got %s\nwant %s", c.expression, c.zone, c.from, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

func parse(t testing.TB, expression, zone string) *cron.Schedule {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cron.Parse(expression, loc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Next is after its argument, even by fractions of a second, and in the schedule's zone.
func TestNextFraction(t *testing.T) {
	t.Parallel()
	s := parse(t, "* * * * * *", "Europe/Madrid")
	at := time.Date(2026, 6, 1, 12, 0, 0, 999, time.UTC)
	want := time.Date(2026, 6, 1, 14, 0, 1, 0, s.Zone())
	if got := s.Next(at); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                             `has 0 fields: write five (minute hour day month weekday), or six with seconds first`,
		"x":                            `has one field: write five`,
		"5m":                           `is an interval and not a cron expression: use timer.Interval`,
		"* * * *":                      `has 4 fields`,
		"0 0 0 1 1 * 2027":             `has 7 fields`,
		"60 * * * *":                   `minute: "60" is not a value: write 0 to 59`,
		"* 24 * * *":                   `hour: "24" is not a value: write 0 to 23`,
		"* * 0 * *":                    `day of month: "0" is not a value: write 1 to 31`,
		"* * * 13 *":                   `month: "13" is not a value: write 1 to 12, or JAN to DEC`,
		"* * * * 8":                    `day of week: "8" is not a value: write 0 to 7, or SUN to SAT`,
		"* * * ENE *":                  `month: "ENE" is not a value`,
		"* * * * *,":                   `day of week: "" is not a value`,
		"-1 * * * *":                   `minute: "" is not a value`,
		"+1 * * * *":                   `minute: "+1" is not a value`,
		"5-1 * * * *":                  `minute: the range 5-1 is empty: write the smaller value first, or two ranges: 5-59,0-1`,
		"0 22-2 * * *":                 `write the smaller value first, or two ranges: 22-23,0-2`,
		"0 0 * * FRI-MON":              `or two ranges: 5-6,0-1`,
		"*/0 * * * *":                  `minute: the step of "*/0" must be an integer of at least 1`,
		"*/x * * * *":                  `minute: the step of "*/x" must be`,
		"*/90 * * * *":                 `minute: the step of "*/90" is longer than its range 0-59: it would match only 0`,
		"0 0 ? * *":                    `day of month: "?" is unknown: write *`,
		"0 0 LW * *":                   `day of month: "LW" is unknown: write L for the last day`,
		"0 0 * * L":                    `day of week: "L" is unknown: write 5L or FRIL for the last Friday`,
		"0 0 * * 5#6":                  `day of week: "5#6" is unknown: write 5#2 or FRI#2 for the second Friday, up to #5`,
		"0 0 30 2 *":                   `never matches: none of its months has such a day`,
		"0 0 31 4,6,9,11 *":            `never matches`,
		"@every 5m":                    `is an interval and not a cron expression: use timer.Interval`,
		"@reboot":                      `is unknown: the names are @yearly, @monthly`,
		"TZ=UTC 0 0 * * *":             `has a time zone: pass it separately`,
		"61 25 * * *":                  "minute: \"61\" is not a value: write 0 to 59\nhour: \"25\" is not a value",
		"99999999999999999999 * * * *": `minute: "99999999999999999999" is not a value`,
	} {
		s, err := cron.Parse(expression, nil)
		if err == nil {
			t.Errorf("%q is accepted as %v", expression, s)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", expression, err, want)
		}
	}
}

// Every accepted expression has a next tick, which is later and is found quickly.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"30 2 * * *", "*/15 9-17 L-3 JAN-MAR FRI#2", "5 4 3 2 1 0", "@daily", "0 0 29 2 5L"} {
		f.Add(seed)
	}
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := cron.Parse(expression, zone)
		if err != nil {
			return
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, zone)
		for range 5 {
			next := s.Next(at)
			if !next.After(at) {
				t.Fatalf("%q: after %v comes %v", expression, at, next)
			}
			at = next
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, expression := range []string{"30 2 * * *", "*/5 * * * *", "0 0 29 2 *"} {
		b.Run(expression, func(b *testing.B) {
			s := parse(b, expression, "Europe/Madrid")
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for b.Loop() {
				at = s.Next(at)
				if at.Year() > 2200 {
					at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
				}
			}
		})
	}
}
