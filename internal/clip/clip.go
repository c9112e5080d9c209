// Package clip truncates text from outside before it is logged or sent.
package clip

import "unicode/utf8"

// Limits in bytes.
const (
	Name = 255      // for a name in an error
	Log  = 2000     // for a text in a log line
	Wire = 64 << 10 // for a text in an error that is sent
)

// Text returns text if it fits into limit bytes. Otherwise it returns the start of text, cut
// between characters, and "…".
func Text(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for back := 0; back < utf8.UTFMax && limit > 0 && !utf8.RuneStart(text[limit]); back++ {
		limit--
	}
	return text[:limit] + "…"
}

// Error returns err for a log line, or its truncated text if the text is too long.
func Error(err error) any {
	text := err.Error()
	if len(text) <= Log {
		return err
	}
	return Text(text, Log)
}
