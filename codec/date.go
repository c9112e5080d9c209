package codec

import (
	"fmt"
	"time"
)

// A Date is a day without a time and a zone. It is Python's date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// String returns d in the form 2024-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// MarshalText returns d in the form 2024-01-02.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText parses a date in the form 2024-01-02, or the midnight that kombu 5.2 sends for it,
// 2024-01-02T00:00:00.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = parseDate(string(text))
	return err
}

func parseDate(text string) (Date, error) {
	t, err := parseTime(text)
	if err != nil || t.Hour()+t.Minute()+t.Second()+t.Nanosecond() > 0 {
		return Date{}, valueErrorf("%.40q is not a date, such as 2024-01-02", text)
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// valid reports whether d is in the calendar and has one of Python's years.
func (d Date) valid() bool {
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	return d.Year >= 1 && d.Year <= 9999 && t.Month() == d.Month && t.Day() == d.Day
}
