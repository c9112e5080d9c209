// Package printable makes text from outside safe to print. A terminal obeys control characters, and
// shows text in another order after bidirectional overrides, and a newline in a name looks like a
// new row.
package printable

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Text returns s on one line. It escapes characters that are not printable as in Go's literals,
// including newlines and tabs.
func Text(s string) string { return escaped(s, notPrintable, goEscape) }

// Lines is like [Text], but keeps newlines and tabs.
func Lines(s string) string {
	return escaped(s, func(r rune) bool { return r != '\n' && r != '\t' && notPrintable(r) }, goEscape)
}

// JSON returns the JSON text s with characters that are not printable escaped. The value stays the
// same, because such characters can only be inside of strings.
func JSON(s string) string {
	return escaped(s, func(r rune) bool { return r != '\n' && r != '\t' && r != '\r' && notPrintable(r) }, jsonEscape)
}

// notPrintable reports whether r is a control character, a line separator, or an invisible
// character that changes how others are shown. Joiners of letters and of emoji count as printable.
func notPrintable(r rune) bool {
	switch {
	case r >= ' ' && r < 0x7f, r == '\u00ad', r == '\u200c', r == '\u200d':
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Cf) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// escaped returns s with invalid UTF-8, and characters for which bad returns true, escaped.
func escaped(s string, bad func(rune) bool, escape func(b *strings.Builder, r rune, invalid byte)) string {
	clean := true
	for i, r := range s {
		if bad(r) || r == utf8.RuneError && isInvalid(s[i:]) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && isInvalid(s[i:]):
			escape(&b, r, s[i])
		case bad(r):
			escape(&b, r, 0)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isInvalid reports whether s begins with a byte that is not valid UTF-8.
func isInvalid(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size == 1
}

func goEscape(b *strings.Builder, r rune, invalid byte) {
	switch {
	case invalid != 0:
		fmt.Fprintf(b, `\x%02x`, invalid)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r < utf8.RuneSelf:
		fmt.Fprintf(b, `\x%02x`, r)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

func jsonEscape(b *strings.Builder, r rune, invalid byte) {
	switch {
	case invalid != 0:
		b.WriteString(`\ufffd`)
	case r <= 0xffff:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		r -= 0x10000
		fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
}

// A Writer escapes what is written to it.
type Writer struct {
	escape func(string) string

	mu   sync.Mutex
	w    io.Writer
	rest []byte // the start of an incomplete character
}

// NewWriter returns a Writer that escapes with escape, which is [Lines] or [JSON].
func NewWriter(w io.Writer, escape func(string) string) *Writer { return &Writer{escape: escape, w: w} }

// Write implements [io.Writer]. It keeps an incomplete character until the next Write.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 && isPlain(p) {
		return w.w.Write(p)
	}
	text := append(w.rest, p...)
	end := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if c := text[len(text)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(text[len(text)-i:]) {
				end -= i
			}
			break
		}
	}
	w.rest = append([]byte(nil), text[end:]...)
	if end == 0 {
		return len(p), nil
	}
	if _, err := io.WriteString(w.w, w.escape(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isPlain reports whether p is printable ASCII with spaces, newlines and tabs.
func isPlain(p []byte) bool {
	return !slices.ContainsFunc(p, func(c byte) bool { return c >= 0x7f || c < ' ' && c != '\n' && c != '\t' })
}
