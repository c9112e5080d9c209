package codec

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Naive is the location of times without a zone: a naive datetime of Python's is read into it, and a time in it is
// written without one. As a Go time it is UTC.
var Naive = time.FixedZone("naive", 0)

// parseTime reads what datetime.isoformat writes, with or without zone, or a date alone. Python has no year 0.
func parseTime(text string) (time.Time, error) {
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05-07:00:00", "2006-01-02T15:04Z07:00"} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, Naive); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	return time.Time{}, misfitf("%.40q is no date and time, such as 2024-01-02T03:04:05Z", text)
}

// A Date is a day without time and zone: Python's date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func parseDate(text string) (Date, error) {
	t, err := parseTime(text)
	if err != nil || t.Hour()+t.Minute()+t.Second()+t.Nanosecond() > 0 {
		return Date{}, misfitf("%.40q is no date, such as 2024-01-02", text)
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// String returns d as 2024-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// MarshalText returns d as [Date.String] does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 2024-01-02, or the midnight that kombu 5.2 makes of it, 2024-01-02T00:00:00.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = parseDate(string(text))
	return err
}

func (d Date) valid() bool {
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	return d.Year >= 1 && d.Year <= 9999 && t.Month() == d.Month && t.Day() == d.Day
}

// A TimeOfDay is a time without date and zone: Python's time.
type TimeOfDay struct{ Hour, Minute, Second, Microsecond int }

func parseTimeOfDay(text string) (TimeOfDay, error) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return TimeOfDay{t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}, nil
		}
	}
	return TimeOfDay{}, misfitf("%.40q is no time of day without zone, such as 03:04:05", text)
}

// String returns t as 03:04:05, or 03:04:05.000006.
func (t TimeOfDay) String() string {
	text := fmt.Sprintf("%02d:%02d:%02d", t.Hour, t.Minute, t.Second)
	if t.Microsecond != 0 {
		text += fmt.Sprintf(".%06d", t.Microsecond)
	}
	return text
}

// MarshalText returns t as [TimeOfDay.String] does.
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads 03:04, 03:04:05 or 03:04:05.000006.
func (t *TimeOfDay) UnmarshalText(text []byte) (err error) {
	*t, err = parseTimeOfDay(string(text))
	return err
}

func (t TimeOfDay) valid() bool {
	return t.Hour >= 0 && t.Hour < 24 && t.Minute >= 0 && t.Minute < 60 && t.Second >= 0 && t.Second < 60 &&
		t.Microsecond >= 0 && t.Microsecond < 1e6
}

// A Decimal is a decimal number as it is written, 12.340: Python's Decimal, with every digit. It is there to be handed
// on, or to the type that one calculates with; a type called Decimal that marshals itself as a string or a text, such
// as shopspring's, can stand in its place.
type Decimal string

var decimal = regexp.MustCompile(`^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity|s?nan[0-9]*))$`)

func (d Decimal) valid() bool { return decimal.MatchString(strings.TrimSpace(string(d))) }
