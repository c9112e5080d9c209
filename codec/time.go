package codec

import "time"

// Naive is the location of times without a time zone. A naive datetime of Python is decoded into a
// time in Naive, and a time in Naive is encoded without a zone. To Go, its offset is that of UTC.
var Naive = time.FixedZone("naive", 0)

// parseTime parses what datetime.isoformat returns in Python, with or without a zone, or a date
// alone. The year is 1 or later, as in Python.
func parseTime(text string) (time.Time, error) {
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	zoned := []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05-07:00:00", "2006-01-02T15:04Z07:00"}
	for _, layout := range zoned {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, Naive); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	return time.Time{}, valueErrorf("%.40q is not a date and time, such as 2024-01-02T03:04:05Z", text)
}

// isoformat returns t as datetime.isoformat does in Python. Kombu 5.2, which has no typed values,
// writes Z for UTC.
func isoformat(t time.Time, typed bool) string {
	layout := "2006-01-02T15:04:05"
	if t.Nanosecond()/1000 != 0 {
		layout += ".000000"
	}
	if t.Location() != Naive {
		_, offset := t.Zone()
		switch {
		case offset%60 != 0:
			layout += "-07:00:00"
		case typed:
			layout += "-07:00"
		default:
			layout += "Z07:00"
		}
	}
	return t.Format(layout)
}
