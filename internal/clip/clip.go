// Package clip cuts text that came from elsewhere, before it is logged or sent on.
package clip

import "unicode/utf8"

// How many bytes of a text are kept.
const (
	Name = 255      // of a name in an error
	Log  = 2000     // of a text in a log line
	Wire = 64 << 10 // of a text in an error that is sent
)

// Text returns text, or its first limit bytes, without a part of a character, and "…".
func Text(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for back := 0; back < utf8.UTFMax && limit > 0 && !utf8.RuneStart(text[limit]); back++ {
		limit--
	}
	return text[:limit] + "…"
}

// Error returns err for a log line: its text, if that has to be cut.
func Error(err error) any {
	text := err.Error()
	if len(text) <= Log {
		return err
	}
	return Text(text, Log)
}
