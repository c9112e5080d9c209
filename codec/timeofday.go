package codec

import (
	"fmt"
	"time"
)

// A TimeOfDay is a time without a date and a zone. It is Python's time.
type TimeOfDay struct{ Hour, Minute, Second, Microsecond int }

// String returns t in the form 03:04:05, or 03:04:05.000006 if there are microseconds.
func (t TimeOfDay) String() string {
	text := fmt.Sprintf("%02d:%02d:%02d", t.Hour, t.Minute, t.Second)
	if t.Microsecond != 0 {
		text += fmt.Sprintf(".%06d", t.Microsecond)
	}
	return text
}

// MarshalText returns t in the form that [TimeOfDay.String] returns.
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText parses a time in the form 03:04, 03:04:05 or 03:04:05.000006.
func (t *TimeOfDay) UnmarshalText(text []byte) (err error) {
	*t, err = parseTimeOfDay(string(text))
	return err
}

func parseTimeOfDay(text string) (TimeOfDay, error) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return TimeOfDay{t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}, nil
		}
	}
	return TimeOfDay{}, valueErrorf("%.40q is not a time of day without a zone, such as 03:04:05", text)
}

func (t TimeOfDay) valid() bool {
	return t.Hour >= 0 && t.Hour < 24 && t.Minute >= 0 && t.Minute < 60 && t.Second >= 0 && t.Second < 60 &&
		t.Microsecond >= 0 && t.Microsecond < 1e6
}
